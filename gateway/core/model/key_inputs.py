"""The inputs of the operations on gateway keys."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticUseDefault

from gateway.core.model.callers import Limits
from gateway.core.model.moments import InstantAsked
from gateway.core.model.redact import redacted
from gateway.core.model.values import (
    LINE_PATTERN,
    CountAsked,
    FlagAsked,
    Frozen,
    KeyName,
    UsdAsked,
    amount_asked,
    digits_or_default,
    line_asked,
)

_LONGEST_LIST = 500
_BELOW_ONE = r"0\.(000[1-9]|00[1-9][0-9]?|0[1-9][0-9]{0,2}|[1-9][0-9]{0,3})"
_BUDGET = rf"^([1-9][0-9]{{0,6}}(\.[0-9]{{1,4}})?|{_BELOW_ONE})?$"
_FLAGS = ("suspended", "read_only", "long_rentals", "admin")
MOST_OVERLAP = 168
"""For how many hours the secret before a rotation may still be accepted."""


class KeyLimit(StrEnum):
    """The limits that a key may be without."""

    MAX_PRICE = "max_price"
    BUDGET_DAY = "budget_day"
    BUDGET_TOTAL = "budget_total"
    MAX_PER_DAY = "max_per_day"
    MAX_ACTIVE = "max_active"
    SERVICES = "services"
    CONFIRM_ABOVE = "confirm_above"
    EXPIRES_AT = "expires_at"


def _words(raw: object) -> object:
    """A list of words, from a list or from text with commas."""
    if isinstance(raw, str):
        raw = raw.split(",")
    if not isinstance(raw, list | tuple | set | frozenset):
        raise ValueError("must be a list, or text with commas")
    return tuple(filter(None, (str(each).strip() for each in raw)))


def _name_given(raw: object) -> object:
    """A name on one line. A blank one stays, and is too short: there is no default for it."""
    try:
        return line_asked(raw)
    except PydanticUseDefault:
        return ""


def _change_asked(raw: object) -> object:
    if isinstance(raw, bool):
        return "yes" if raw else "no"
    word = raw.strip().lower() if isinstance(raw, str) else raw
    return {"true": "yes", "false": "no"}.get(word, word) if isinstance(word, str) else word


def _limits_asked(raw: object) -> object:
    words = _words(raw)
    assert isinstance(words, tuple)  # noqa: S101 - it returns nothing else
    unknown = [word for word in words if word not in set(KeyLimit)]
    if unknown:
        named = redacted(unknown[0])
        raise ValueError(f"{named} is no limit that can be removed; {', '.join(KeyLimit)} are")
    return words


ServicesAsked = Annotated[
    tuple[Annotated[str, Field(max_length=_LONGEST_LIST)], ...],
    BeforeValidator(_words),
    Field(min_length=1, max_length=_LONGEST_LIST),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^([A-Za-z0-9][A-Za-z0-9 ,_/.'&-]{{0,{_LONGEST_LIST - 1}}})?$",
            "examples": ["whatsapp,telegram"],
        }
    ),
]
"""Services in an input, by code or name: text with commas, or a list."""

LimitsAsked = Annotated[
    tuple[KeyLimit, ...],
    BeforeValidator(_limits_asked),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^(({0})(,({0}))*)?$".format("|".join(KeyLimit)),
            "examples": ["budget_total,expires_at"],
        }
    ),
]
"""Limits by name, in an input: text with commas, or a list."""

Change = Literal["keep", "yes", "no"]
ChangeAsked = Annotated[
    Change,
    BeforeValidator(_change_asked),
    WithJsonSchema({"type": "string", "enum": ["keep", "yes", "no"]}),
]
"""Whether to change what a key may do; true and false are taken for yes and no."""

BudgetAsked = Annotated[
    Decimal,
    BeforeValidator(amount_asked),
    Field(gt=0, max_digits=11, decimal_places=4, allow_inf_nan=False),
    WithJsonSchema({"type": "string", "pattern": _BUDGET, "examples": ["5.00"]}),
]
"""A budget in an input: text, or a JSON number."""

KeyId = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,100}$", examples=["3f2a9c01"])]
"""A key's id."""

NewName = Annotated[
    str,
    Field(min_length=1, max_length=100, pattern=f"^{LINE_PATTERN}$", examples=["n8n"]),
    BeforeValidator(_name_given),
]
"""A name to give to a key."""

_Count = Annotated[
    int,
    BeforeValidator(digits_or_default),
    Field(ge=1, le=1_000_000),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 1_000_000}),
]
"""How many there may be, in an input; 0 is as good as none."""


class _KeyLimits(Frozen, defer_build=True):
    """What create_key and update_key take in the same words."""

    max_price: UsdAsked | None = Field(None, description="The highest price of one rental, USD.")
    budget_day: BudgetAsked | None = Field(
        None, description="The most it may spend in a day (UTC), in USD."
    )
    budget_total: BudgetAsked | None = Field(
        None, description="The most it may spend in all, in USD."
    )
    max_per_day: _Count | None = Field(None, description="The most purchases in a day (UTC).")
    max_active: _Count | None = Field(None, description="The most rentals at one time.")
    services: ServicesAsked | None = Field(
        None, description="The services it may rent for, by code or name."
    )
    confirm_above: UsdAsked | None = Field(
        None, description="Over MCP a person confirms what costs more, in USD."
    )
    expires_at: InstantAsked | None = Field(None, description="When it ends (UTC).")


class CreateKey(_KeyLimits):
    """The input of create_key."""

    name: NewName = Field(description="What to call it: who has it, what it is for.")
    no_budget: FlagAsked = Field(
        False, description="It may spend without end: say so on purpose, in place of a budget."
    )
    read_only: FlagAsked = Field(False, description="It may look, and change or buy nothing.")
    long_rentals: FlagAsked = Field(
        False,
        description="It may also buy what tells no price before: long rentals and renewals, which "
        "can pass its budgets.",
    )
    admin: FlagAsked = Field(False, description="It sees the whole account.")
    test: FlagAsked = Field(False, description="It belongs to the test account: it costs nothing.")

    @model_validator(mode="after")
    def _has_budget(self) -> "CreateKey":
        budgeted = self.budget_day is not None or self.budget_total is not None
        if self.no_budget and budgeted:
            raise ValueError("no_budget does not go with budget_day or budget_total")
        if not (self.no_budget or budgeted or self.read_only or self.test):
            raise ValueError("must have budget_day or budget_total; or no_budget, on purpose")
        return self

    def limits(self, services: frozenset[str] | None) -> Limits:
        """The limits asked for; `services` by their codes."""
        return Limits(
            read_only=self.read_only,
            max_price=self.max_price,
            budget_day=self.budget_day,
            budget_total=self.budget_total,
            services=services,
            max_active=self.max_active,
            max_per_day=self.max_per_day,
            long_rentals=self.long_rentals,
            admin=self.admin,
            expires_at=self.expires_at,
            confirm_above=self.confirm_above,
        )


class OneKey(Frozen, defer_build=True):
    """The input of operations on one key."""

    key_id: KeyId = Field(description="The key's id.")


class UpdateKey(_KeyLimits, OneKey):
    """The input of update_key. What is left out stays as it is."""

    name: KeyName | None = Field(None, description="What to call it from now on.")
    no_budget: FlagAsked = Field(
        False, description="It may spend without end from then on: say so on purpose."
    )
    suspended: ChangeAsked = Field(
        "keep",
        description="yes: it buys nothing, and still reads and cancels. no: it buys again.",
    )
    read_only: ChangeAsked = Field("keep", description="Whether it may only look.")
    long_rentals: ChangeAsked = Field(
        "keep", description="Whether it may buy what tells no price before."
    )
    admin: ChangeAsked = Field("keep", description="Whether it sees the whole account.")
    clear: LimitsAsked | None = Field(
        None, description="The limits to remove, by name, with commas between them."
    )

    @field_validator("clear")
    @classmethod
    def _says_one_thing(
        cls, clear: tuple[KeyLimit, ...] | None, info: ValidationInfo
    ) -> tuple[KeyLimit, ...] | None:
        for each in clear or ():
            if info.data.get(each) is not None:
                raise ValueError(f"{each} is given, too; either set it or remove it")
        return clear

    def changes(self) -> dict[str, Any]:
        """What is to be changed, by name; None: a limit that is removed."""
        others = {"key_id", "clear", "no_budget"}
        given = {name: value for name, value in self if name not in others}
        return {
            **{
                name: value == "yes" if name in _FLAGS else value
                for name, value in given.items()
                if value is not None and not (name in _FLAGS and value == "keep")
            },
            **dict.fromkeys(self.clear or ()),
        }


class RotateKey(OneKey):
    """The input of rotate_key."""

    overlap_hours: Annotated[
        CountAsked,
        Field(ge=0, le=MOST_OVERLAP),
        WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MOST_OVERLAP}),
    ] = Field(24, description="For how many hours the secret before this is accepted too.")
