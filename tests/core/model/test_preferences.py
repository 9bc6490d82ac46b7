"""Carriers and area codes, however a caller spells them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.invocation.validation import validate
from gateway.core.model.errors import InvalidRequest
from gateway.core.model.legacy_parameters import read_purchase_parameters
from gateway.core.model.preferences import carrier_named
from gateway.core.model.rentals import RentNumber
from gateway.core.model.replacement import ReplaceRental

NAMES = {"at&t": ["att"], "tmobile": ["tmobile", "tmo"], "verizon": ["verizon", "vz", "vzw"]}
PAIRS = [(name, carrier) for carrier, names in NAMES.items() for name in names]
BETWEEN = st.text(" .-_&", max_size=2)
AREAS = st.integers(2, 9).flatmap(lambda n: st.integers(n * 100, n * 100 + 99)).map(str)
SPELLED = st.sampled_from(["{}", "({})", "+1{}", "+1 {}", "1-{}", "+1 ({})"])
SEPARATORS = st.sampled_from([",", " ", "; ", " / ", "\n", " ,, "])


def rent(**wish: Any) -> RentNumber:
    return validate(RentNumber, {"service_code": "whatsapp", **wish})


@given(st.data(), st.sampled_from(PAIRS))
def test_a_carrier_is_known_by_its_letters_alone(data: st.DataObject, pair: Any) -> None:
    name, carrier = pair
    letters = [data.draw(st.sampled_from([each, each.upper()])) for each in name]
    spelled = "".join(f"{data.draw(BETWEEN)}{each}" for each in letters) + data.draw(BETWEEN)

    assert rent(carrier=spelled).carrier == carrier
    assert validate(ReplaceRental, {"rental_id": 1, "carrier": spelled}).carrier == carrier
    legacy = read_purchase_parameters({"carriers": spelled})
    assert legacy.inputs == {"carrier": carrier, "keep_carrier": True}


@given(st.text(max_size=20))
def test_no_text_becomes_a_carrier_whose_letters_it_has_not(text: str) -> None:
    carrier = carrier_named(text)
    letters = "".join(each for each in text.casefold() if each.isalnum())

    assert carrier is None or letters in (*NAMES.get(carrier, ()), carrier)


@pytest.mark.parametrize("dash", ["\u2010", "\u2011", "\u2013", "\u2014", "\u2212"])
def test_a_dash_that_a_text_processor_has_made_is_a_dash(dash: str) -> None:
    assert carrier_named(f"T{dash}Mobile") == "tmobile"


@pytest.mark.parametrize("carrier", ["sprint", "t", "&", "verizon tmobile", "a t t n", 5, ["vz"]])
@pytest.mark.parametrize("model", [RentNumber, ReplaceRental])
def test_a_carrier_that_is_unknown_is_refused_with_those_there_are(
    model: Any, carrier: object
) -> None:
    required = {"service_code": "whatsapp"} if model is RentNumber else {"rental_id": 1}
    with pytest.raises(InvalidRequest) as refused:
        validate(model, {**required, "carrier": carrier})

    assert all(f"'{name}'" in refused.value.detail for name in NAMES)


@given(st.data(), st.lists(AREAS, min_size=1, max_size=100))
def test_area_codes_are_read_in_any_spelling(data: st.DataObject, areas: list[str]) -> None:
    spelled = [data.draw(SPELLED).format(area) for area in areas]
    text = spelled[0] + "".join(data.draw(SEPARATORS) + each for each in spelled[1:])
    items = [data.draw(st.sampled_from([each, int(each)])) for each in areas]
    wanted = ",".join(areas)

    assert rent(area_codes=text).area_codes == wanted
    assert rent(area_codes=json.loads(json.dumps(items))).area_codes == wanted
    again = validate(ReplaceRental, {"rental_id": 1, "area_codes": spelled})
    assert again.area_codes == wanted


NO_AREAS = [
    "1212", "(212", "212)646", "212646", "112", "+44 207", "all", "212-646", 2126, True,
    1.5, {"212": 1}, [[212]], [None], [True], ["any"], "212 " * 2000,
]  # fmt: skip


@pytest.mark.parametrize("areas", NO_AREAS, ids=repr)
def test_what_is_no_area_code_is_refused(areas: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        rent(area_codes=areas)

    assert refused.value.detail.startswith("area_codes: ")


@given(st.text(max_size=40))
def test_whatever_is_sent_as_area_codes_is_three_digits_each_or_refused(text: str) -> None:
    try:
        areas = rent(area_codes=text).area_codes
    except InvalidRequest:
        return

    for area in (areas or "200").split(","):
        assert len(area.strip()) == 3
        assert area.strip().isascii()
        assert 200 <= int(area) <= 999


@pytest.mark.parametrize("anywhere", ["any", " Any "])
def test_a_replacement_may_be_from_anywhere(anywhere: str) -> None:
    assert validate(ReplaceRental, {"rental_id": 1, "area_codes": anywhere}).area_codes == "any"
