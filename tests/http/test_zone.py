"""The zone of the provider's times is a guess that every rental puts to the test."""

import pytest

from tests.support.gateway import run_simulated


@pytest.mark.parametrize(
    ("zone", "hours"), [("America/New_York", (0,)), ("UTC", (-4, -5)), ("Asia/Tokyo", (-13, -14))]
)
async def test_a_wrong_zone_shows_in_the_metrics(zone: str, hours: tuple[int, ...]) -> None:
    async with run_simulated(getatext_timezone=zone) as stand:
        await stand.client.get("/v1/prices")
        await stand.client.post("/v1/rentals", {"service_code": "whatsapp"})
        metrics = (await stand.client.get("/metrics")).body.decode()

    name = "getatext_gateway_provider_times_off_seconds "
    (line,) = [line for line in metrics.splitlines() if line.startswith(name)]
    assert float(line.split()[1]) / 3600 in hours
