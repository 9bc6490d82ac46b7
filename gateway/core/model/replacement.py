"""The replacement of a rental: its input, and what it inherits of the purchase before."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from gateway.core.model.rentals import (
    REQUEST_ID,
    WISHES,
    AreaCodes,
    Carrier,
    OneRental,
    RentNumber,
)
from gateway.core.model.values import FlagAsked, RequestId, UsdAsked


class ReplaceRental(OneRental):
    """The input of replace_rental: the wishes that are left out are those of the purchase."""

    max_price: UsdAsked | None = Field(
        None, description="As in rent_number; null: as for the first number."
    )
    carrier: Carrier | None = Field(None, description="As max_price.")
    keep_carrier: FlagAsked | None = Field(None, description="As max_price.")
    area_codes: AreaCodes | Literal["any"] | None = Field(
        None, description="As max_price; any: none is preferred.", examples=["212,646"]
    )
    lock_area_code: FlagAsked | None = Field(None, description="As max_price.")
    request_id: RequestId | None = Field(None, description=REQUEST_ID)

    def resolved(self, service_code: str, wishes: Mapping[str, Any]) -> RentNumber:
        """The purchase to make, with `wishes` for what is left out.

        A wish that cannot stand without another one goes with it. Raises ValidationError.
        """
        given = self.model_dump(include=WISHES, exclude_none=True)
        wished = {"service_code": service_code, **wishes, **given}
        if wished.get("area_codes") == "any":
            del wished["area_codes"]
        for needs, without, kept in (
            ("carrier", "any", "keep_carrier"),
            ("area_codes", None, "lock_area_code"),
        ):
            if wished.get(needs, without) == without and kept not in given:
                wished.pop(kept, None)
        return RentNumber.model_validate(wished)
