import pytest

from gateway.core.auth.hosts import AllowedHosts, is_loopback
from gateway.core.model.errors import Forbidden

HOSTS = AllowedHosts("https://codes.example.com/x", ["gateway"])


@pytest.mark.parametrize(
    "host", ["codes.example.com", "gateway:8080", "127.0.0.1:80", "[::1]:8080", "192.168.1.2"]
)
def test_our_names_and_addresses_in_digits_are_ours(host: str) -> None:
    HOSTS.check(host, "https://codes.example.com")

    assert HOSTS.allows(f"http://{host}")


@pytest.mark.parametrize(
    "bad", ["example.com", "codes.example.com.evil.net", "gateway@evil.net", "[::1", "", None]
)
def test_other_names_are_not(bad: str | None) -> None:
    with pytest.raises(Forbidden):
        HOSTS.check(bad)

    assert not HOSTS.allows(f"http://{bad or ''}")


def test_a_page_of_another_site_is_not_ours_under_any_host() -> None:
    with pytest.raises(Forbidden):
        HOSTS.check("gateway", "https://evil.net")


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("sms:8080", True),
        ("SMS:8080", True),
        ("sms:8081", False),
        ("sms", False),
        ("proxied", True),
        ("proxied:443", True),
        ("proxied:80", False),
        ("host.docker.internal", True),
        ("host.docker.internal:9999", True),
    ],
)
def test_a_name_with_a_port_is_ours_with_that_port_only(host: str, ours: bool) -> None:
    hosts = AllowedHosts("", ["Sms:8080", "proxied:443", "host.docker.internal"])

    assert hosts.allows(f"//{host}") is ours


def test_who_is_refused_is_told_by_what_setting_a_name_is_allowed() -> None:
    with pytest.raises(Forbidden, match="GATEWAY_ALLOWED_HOSTS"):
        HOSTS.check("sms:8080")


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True),
        ("LocalHost", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("192.168.1.2", False),
        ("example.com", False),
        ("", False),
    ],
)
def test_only_loopback_is_this_machine_alone(host: str, own: bool) -> None:
    assert is_loopback(host) is own
