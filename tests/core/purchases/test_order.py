"""The fingerprint of an order: equal for equal inputs, however they are spelled."""

import hashlib
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.invocation.validation import validate
from gateway.core.operations.long_rentals import CREATE_LONG_RENTAL, RENEW_LONG_RENTAL
from gateway.core.operations.operation import AnyOperation
from gateway.core.operations.rentals import RENT_AGAIN, RENT_NUMBER
from gateway.core.purchases.order import Order

DEFAULTS: dict[str, Any] = {
    "max_price": None,
    "carrier": "any",
    "keep_carrier": False,
    "area_codes": None,
    "lock_area_code": False,
    "number": None,
    "auto_renew": False,
}


def order(op: AnyOperation, asked: dict[str, Any], *, redeliverable: bool = False) -> Order:
    return Order(
        op=op,
        context=cast(Any, None),
        asked=validate(op.takes, asked),
        trace_id="trace",
        request_id=None,
        redeliverable=redeliverable,
    )


wishes = st.one_of(
    st.fixed_dictionaries(
        {"service_code": st.sampled_from(["whatsapp", "telegram"])},
        optional={
            "max_price": st.sampled_from([Decimal(x) for x in ("1", "10", "0.5", "0.0001")]),
            "carrier": st.sampled_from(["any", "verizon"]),
            "area_codes": st.just("212"),
        },
    ).map(lambda asked: (RENT_NUMBER, asked)),
    st.integers(1, 2).map(lambda number: (RENT_AGAIN, {"rental_id": number})),
    st.integers(1, 2).map(lambda number: (RENEW_LONG_RENTAL, {"long_rental_id": number})),
    st.fixed_dictionaries(
        {"period": st.sampled_from(["1w", "1m"])}, optional={"auto_renew": st.booleans()}
    ).map(lambda asked: (CREATE_LONG_RENTAL, asked)),
)
Wish = tuple[AnyOperation, dict[str, Any]]


def spelled(draw: st.DataObject, wish: Wish) -> dict[str, Any]:
    """The same inputs in other words: defaults said or not, amounts and flags as text or not."""
    op, asked = wish
    said = {n: v for n, v in DEFAULTS.items() if n in op.takes.model_fields and n not in asked}
    told = {name: value for name, value in said.items() if draw.draw(st.booleans())}
    for name, value in asked.items():
        ways: list[Any] = [value]
        if isinstance(value, Decimal):
            ways = [float(value), str(value), f"0{value:.4f}", f"+{value:.6f}", f" {value} "]
        elif isinstance(value, bool | int):
            ways = [value, str(value).lower()]
        told[name] = draw.draw(st.sampled_from(ways))
    return {**told, "request_id": draw.draw(st.sampled_from(["order-1", "order-2"]))}


@given(st.data(), wishes)
def test_any_two_spellings_of_equal_inputs_have_equal_fingerprints(
    draw: st.DataObject, wish: Wish
) -> None:
    one, other = (order(wish[0], spelled(draw, wish)) for _ in range(2))

    assert one.fingerprint == other.fingerprint
    assert one.fingerprint in other.fingerprints


@given(wishes, wishes, st.booleans(), st.booleans())
def test_unequal_inputs_have_unequal_ones(
    wish: Wish, wish_2: Wish, handed: bool, handed_2: bool
) -> None:
    one = order(*wish, redeliverable=handed)
    other = order(*wish_2, redeliverable=handed_2)
    same = (one.op, one.asked, handed) == (other.op, other.asked, handed_2)

    assert (one.fingerprint == other.fingerprint) is same
    assert bool(set(one.fingerprints) & set(other.fingerprints)) is same


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


RENT_TEXT = (
    'rent_number\n{"service_code":"whatsapp","max_price":%s,"carrier":"any","keep_carrier":false,'
    '"area_codes":null,"lock_area_code":false,"number":null}'
)
EARLIER: list[tuple[AnyOperation, dict[str, Any], str, bool]] = [
    (RENT_NUMBER, {"service_code": "whatsapp"}, RENT_TEXT % "null", True),
    (RENT_NUMBER, {"service_code": "whatsapp", "max_price": "1.00"}, RENT_TEXT % '"1.00"', False),
    (RENT_NUMBER, {"service_code": "whatsapp", "max_price": 0.5}, RENT_TEXT % '"0.5"', True),
    (RENT_NUMBER, {"service_code": "whatsapp", "max_price": 100}, RENT_TEXT % '"100"', True),
    (RENT_AGAIN, {"rental_id": "7"}, 'rent_again\n{"rental_id":7}', True),
    (RENEW_LONG_RENTAL, {"long_rental_id": 7}, 'renew_long_rental\n{"long_rental_id":7}', True),
    (
        CREATE_LONG_RENTAL,
        {"period": "1w"},
        'create_long_rental\n{"period":"1w","auto_renew":false}',
        True,
    ),
]


@pytest.mark.parametrize(("op", "asked", "text", "by_both"), EARLIER)
def test_those_of_earlier_versions_match(
    op: AnyOperation, asked: dict[str, Any], text: str, by_both: bool
) -> None:
    """Nodes of earlier versions recognise ours too, but for amounts with needless zeros."""
    made = order(op, {**asked, "request_id": "order-1"})
    handed_over = order(op, asked, redeliverable=True)

    assert hashed(text) in made.fingerprints
    assert hashed(f"{text}\nhanded over") in handed_over.fingerprints
    assert (hashed(text) == made.fingerprint) is by_both
