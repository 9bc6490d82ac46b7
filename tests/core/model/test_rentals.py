"""Why a rental has ended: told by its status where it is not told by itself."""

import json

import pytest

from gateway.core.model.codes import code_of
from gateway.core.model.rentals import OVER, EndedReason, Rental, RentalStatus
from gateway.core.rentals.unwritten import merged_in_memory
from tests.support.ledger import LATER, rental


@pytest.mark.parametrize("status", RentalStatus)
def test_a_status_tells_the_reason(status: RentalStatus) -> None:
    made = rental(status=status)
    reason = status.value if status in OVER else None

    assert made.ended_reason == reason
    assert json.loads(made.model_dump_json())["ended_reason"] == reason
    assert Rental.model_validate_json(made.model_dump_json()).ended_reason == reason


@pytest.mark.parametrize("status", RentalStatus)
def test_what_a_version_without_reasons_wrote_has_one(status: RentalStatus) -> None:
    written = json.loads(rental(status=status).model_dump_json())
    del written["ended_reason"]

    assert Rental.model_validate(written).ended_reason == rental(status=status).ended_reason


def test_a_reason_that_is_told_stays() -> None:
    made = rental(status=RentalStatus.CANCELLED, ended_reason=EndedReason.REPLACED)
    code = code_of(made, None)

    assert made.ended_reason is EndedReason.REPLACED
    assert code is not None
    assert code.ended_reason is EndedReason.REPLACED


@pytest.mark.parametrize(
    ("known", "said", "reason"),
    [
        (RentalStatus.ACTIVE, RentalStatus.CANCELLED, EndedReason.CANCELLED),
        (RentalStatus.COMPLETED, RentalStatus.ACTIVE, EndedReason.COMPLETED),
        (RentalStatus.EXPIRED, RentalStatus.UNKNOWN, EndedReason.EXPIRED),
        (RentalStatus.EXPIRED, RentalStatus.CANCELLED, EndedReason.CANCELLED),
        (RentalStatus.ACTIVE, RentalStatus.CODE_RECEIVED, None),
    ],
)
def test_what_is_kept_in_memory_has_the_reason_of_its_status(
    known: RentalStatus, said: RentalStatus, reason: EndedReason | None
) -> None:
    merged = merged_in_memory(rental(status=known), rental(status=said), LATER)

    assert isinstance(merged, Rental)
    assert merged.ended_reason == reason
