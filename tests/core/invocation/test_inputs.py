"""Inputs of every operation: what their schemas allow is taken, and what platforms send is."""

import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from gateway.core.invocation.validation import validate
from gateway.core.model.errors import InvalidRequest
from gateway.core.model.events import EventType, ListEvents
from gateway.core.model.rentals import ListRentals, RentalStatus
from gateway.core.model.values import AMOUNT_PATTERN, MAX_ID, money_text
from gateway.core.model.webhooks import CreateWebhook
from gateway.core.operations.catalog import BY_NAME, CATALOG
from gateway.core.operations.operation import AnyOperation
from gateway.core.operations.schemas import NullFreeSchema
from gateway.core.purchases.order import inputs_text

Json = dict[str, Any]


def inputs(op: AnyOperation) -> dict[str, Json]:
    """The schemas of an operation's inputs by name; those of required ones without a default."""
    schema = op.takes.model_json_schema(schema_generator=NullFreeSchema)
    found = {}
    for name, field in schema.get("properties", {}).items():
        reference = field.get("$ref", "").rpartition("/")[2]
        found[name] = {**schema.get("$defs", {}).get(reference, {}), **field}
    return found


LISTS = {"events"}  # the one input that is no plain value
INPUTS = [
    (op, name, schema) for op in CATALOG for name, schema in inputs(op).items() if name not in LISTS
]
# One of two inputs is needed: no schema in a plain form can say that.
EITHER: dict[str, Json] = {
    "redeliver_webhook": {"event_id": "evt_71"},
    "create_key": {"test": True},
}
OPTIONAL = [
    row
    for row in INPUTS
    if not row[0].takes.model_fields[row[1]].is_required() and row[0].name not in EITHER
]
ids: Any = {"ids": lambda value: getattr(value, "name", None) or str(value)[:20]}
each_input = pytest.mark.parametrize(("op", "name", "schema"), INPUTS, **ids)
each_optional = pytest.mark.parametrize(("op", "name", "schema"), OPTIONAL, **ids)
CHOICES = [row for row in OPTIONAL if "enum" in row[2] or row[2]["type"] == "boolean"]
each_choice = pytest.mark.parametrize(("op", "name", "schema"), CHOICES, **ids)
each_op = pytest.mark.parametrize("op", CATALOG, **ids)

LEAST = {
    "service_code": "whatsapp",
    "rental_id": 1,
    "long_rental_id": 1,
    "period": "1w",
    "auto_renew": True,
    "url": "https://example.com/",
    "events": ["rental.code_received"],
    "webhook_id": f"wh_{'0' * 24}",
    "key_id": "3f2a9c01",
    "name": "n8n",
}
# Without the other one the first is refused: no schema in a plain form can say that.
COMPANIONS: dict[str, Json] = {
    "keep_carrier": {"carrier": "verizon"},
    "lock_area_code": {"area_codes": "212"},
}
BLANKS: dict[str, Any] = {"integer": 0, "string": "", "boolean": False}
OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
NOT_THE_DEFAULT = {"wait_seconds", "overlap_hours"}  # where 0 has a meaning of its own


def required(op: AnyOperation) -> Json:
    """The inputs that the operation requires."""
    fields = op.takes.model_fields
    return {name: LEAST[name] for name, field in fields.items() if field.is_required()}


def least(op: AnyOperation) -> Json:
    """No more than what the operation requires, and one of two where it needs either."""
    return required(op) | EITHER.get(op.name, {})


def values(schema: Json) -> st.SearchStrategy[Any]:
    """Whatever a schema allows."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "boolean":
        return st.booleans()
    if schema["type"] == "integer":
        highest = MAX_ID if schema.get("format") == "int64" else None
        return st.integers(schema.get("minimum"), schema.get("maximum", highest))
    if schema.get("format") == "date-time":
        return st.datetimes(timezones=OFFSETS).map(datetime.isoformat)
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength")
    if "pattern" not in schema:
        return st.text(min_size=shortest, max_size=longest)
    fitting = st.from_regex(re.compile(schema["pattern"]), fullmatch=True)
    return fitting.filter(lambda text: shortest <= len(text) <= (longest or len(text)))


@each_input
def test_what_a_schema_allows_is_taken(op: AnyOperation, name: str, schema: Json) -> None:
    assert schema["type"] in ("string", "integer", "boolean")

    @settings(max_examples=100, deadline=None)
    @given(values(schema))
    def takes(value: Any) -> None:
        others = required(op) if name == "since" else least(op)
        if (name, value) == ("test", False):
            return  # then a budget has to be named
        validate(op.takes, {**COMPANIONS.get(name, {}), **others, name: value})

    takes()


@given(st.lists(st.sampled_from(EventType), min_size=1))
def test_a_list_of_types_is_taken_also_as_text(types: list[EventType]) -> None:
    asked = {"url": "https://example.com/", "events": [type.value for type in types]}
    taken = validate(CreateWebhook, asked)

    assert set(taken.events) == set(types)
    assert validate(CreateWebhook, {**asked, "events": ", ".join(types)}) == taken
    with pytest.raises(InvalidRequest, match=r"^events: must be event types"):
        validate(CreateWebhook, {**asked, "events": []})


def test_of_two_inputs_that_exclude_each_other_one_is_needed() -> None:
    op = BY_NAME["redeliver_webhook"]
    every: list[Json] = [{}, {"event_id": "evt_71", "since": "2026-11-29"}]
    for given_both in every:
        with pytest.raises(InvalidRequest, match="must have either event_id or since"):
            validate(op.takes, {**required(op), **given_both})


@each_optional
def test_null_and_the_empty_text_mean_absent(op: AnyOperation, name: str, schema: Json) -> None:
    absent = validate(op.takes, least(op))

    for blank in (None, ""):
        assert validate(op.takes, {**least(op), name: blank}) == absent


@each_op
def test_null_and_the_empty_text_are_no_required_input(op: AnyOperation) -> None:
    for name in required(op):
        for blank in (None, ""):
            with pytest.raises(InvalidRequest, match=f"^{name}: is required"):
                validate(op.takes, {**least(op), name: blank})


@each_op
def test_what_is_as_good_as_none_is_refused_for_a_required_input(op: AnyOperation) -> None:
    blanks: tuple[Any, ...] = (" ", "\x00", "0", 0, [], {}, False)
    for name in required(op):
        for blank in blanks:
            given = {**least(op), name: blank}
            try:
                taken = validate(op.takes, given)
            except InvalidRequest:
                continue
            assert getattr(taken, name) is not None


@each_choice
def test_the_first_choice_is_the_default(op: AnyOperation, name: str, schema: Json) -> None:
    assert schema["default"] == schema.get("enum", [False])[0]


@each_op
def test_blanks_in_every_optional_input_are_as_good_as_none(op: AnyOperation) -> None:
    sent = {
        name: schema["enum"][0] if "enum" in schema else BLANKS[schema["type"]]
        for owner, name, schema in OPTIONAL
        if owner is op and name not in NOT_THE_DEFAULT
    }
    absent, blank = validate(op.takes, least(op)), validate(op.takes, {**least(op), **sent})

    assert blank == absent
    assert inputs_text(blank) == inputs_text(absent)


@pytest.mark.parametrize(("name", "companion"), COMPANIONS.items())
def test_what_is_taken_only_with_another_is_refused_without_it(name: str, companion: Json) -> None:
    # One that resolves its input takes the other one from elsewhere.
    (op,) = (op for op, its_name, _ in INPUTS if its_name == name and op.subject is None)

    assert getattr(validate(op.takes, {**companion, **least(op), name: True}), name) is True
    with pytest.raises(InvalidRequest, match=f"^{name}: needs "):
        validate(op.takes, {**least(op), name: True})


fits_amount = re.compile(AMOUNT_PATTERN).search
ZEROS = ["0", "00", "0.0", "0.00", "0.0000", "0.00000", "-0", "+0", "-0.00", ".0", "0.", "0e0"]
NO_AMOUNTS = ["-1", "+1", "01", "1.", ".5", "1e2", "10001", "10000.5", "0.00001", "1,5", " ", "inf"]


@given(st.decimals("0.0001", "10000", allow_nan=False, places=4))
def test_an_amount_as_it_is_written_fits_the_pattern(amount: Decimal) -> None:
    shortest = amount.normalize()

    for text in (f"{amount:f}", f"{shortest:f}", money_text(shortest)):
        assert fits_amount(text)


@pytest.mark.parametrize("text", ["", "1", "0.55", "0.50", "0.1", "0.0001", "9999.9999", "10000"])
def test_amounts_and_nothing_fit_the_pattern(text: str) -> None:
    assert fits_amount(text)


@pytest.mark.parametrize("text", [*ZEROS, *NO_AMOUNTS])
def test_zero_and_what_is_no_amount_fits_no_pattern(text: str) -> None:
    assert not fits_amount(text)


def test_patterns_mean_the_same_in_every_dialect() -> None:
    """RE2 has no lookaround and repeats 1000 times at most; the classes of .NET are of Unicode."""
    for _, name, schema in INPUTS:
        pattern = schema.get("pattern", "")
        assert not re.search(r"\(\?|\\[dwsDWSbBpP]|\\[1-9]", pattern), name
        assert all(int(n) <= 1000 for n in re.findall(r"(\d+)\}", pattern)), name


@pytest.mark.parametrize(
    ("takes", "name", "listed"),
    [(ListEvents, "type", EventType), (ListRentals, "status", RentalStatus)],
)
def test_a_filter_offers_any_and_all_there_is(
    takes: type[BaseModel], name: str, listed: type[StrEnum]
) -> None:
    assert get_args(takes.model_fields[name].annotation) == ("any", *listed)
