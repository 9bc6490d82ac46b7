"""The replacement of a rental: its input, and what it inherits of the purchase before."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from gateway.core.model.rentals import (
    AREA_CODES,
    REQUEST_ID,
    WISHES,
    Carrier,
    OneRental,
    RentNumber,
)
from gateway.core.model.values import FlagAsked, OrDigits, RequestId, UsdAsked

_SAME = "As in rent_number; null: as for the first number."
AreaCodesOrAny = Annotated[
    str,
    Field(pattern=r"^( *any *|" + AREA_CODES + r")$", max_length=400),
    OrDigits,
]
"""Area codes in an input, or the word any."""


class ReplaceRental(OneRental):
    """The input of replace_rental: the wishes that are left out are those of the purchase."""

    max_price: UsdAsked | None = Field(None, description=_SAME)
    carrier: Carrier | None = Field(None, description=_SAME)
    keep_carrier: FlagAsked | None = Field(None, description=_SAME)
    area_codes: AreaCodesOrAny | None = Field(
        None, description=f"{_SAME} With any, none is preferred.", examples=["212,646"]
    )
    lock_area_code: FlagAsked | None = Field(None, description=_SAME)
    request_id: RequestId | None = Field(None, description=REQUEST_ID)

    def resolved(self, service_code: str, wishes: Mapping[str, Any]) -> RentNumber:
        """The purchase to make, with `wishes` for what is left out.

        A wish that cannot stand without another one goes with it. Raises ValidationError.
        """
        given = self.model_dump(include=WISHES, exclude_none=True)
        wished = {"service_code": service_code, **wishes, **given}
        if wished.get("area_codes", "").strip() == "any":
            del wished["area_codes"]
        for needs, without, kept in (
            ("carrier", "any", "keep_carrier"),
            ("area_codes", None, "lock_area_code"),
        ):
            if wished.get(needs, without) == without and kept not in given:
                wished.pop(kept, None)
        return RentNumber.model_validate(wished)
