"""The replacement of a rental: its input, and what it inherits of the purchase before."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from gateway.core.model.preferences import ANY, AreaCodesOrAny, CarrierOrSame
from gateway.core.model.rentals import REQUEST_ID, OneRental, RentNumber
from gateway.core.model.values import FlagAsked, Reference, RequestId, UsdAsked


class ReplaceRental(OneRental):
    """The input of replace_rental; what is left out is as in the purchase of the first number.

    The flags go with what they are about: that of a carrier given anew is given anew, too.
    """

    max_price: UsdAsked | None = Field(None, description="null: as for the first number.")
    carrier: CarrierOrSame = Field("same", description="same: as for the first number.")
    keep_carrier: FlagAsked = Field(False, description="As in rent_number.")
    area_codes: AreaCodesOrAny | None = Field(
        None,
        description="any: wherever; null: as for the first number.",
        examples=["212,646"],
    )
    lock_area_code: FlagAsked = Field(
        False,
        description="As in rent_number.",
    )
    request_id: RequestId | None = Field(None, description=REQUEST_ID)
    reference: Reference | None = Field(None, description="null: as for the first number.")

    def resolved(self, service_code: str, wishes: Mapping[str, Any]) -> RentNumber:
        """The purchase to make, with `wishes` for what is left out. Raises ValidationError."""
        wished: dict[str, Any] = {**wishes, "service_code": service_code}
        if self.max_price is not None:
            wished["max_price"] = self.max_price
        if self.carrier != "same":
            wished |= {"carrier": self.carrier, "keep_carrier": self.keep_carrier}
        elif self.keep_carrier:
            wished["keep_carrier"] = True
        if self.area_codes is not None:
            anywhere = self.area_codes == ANY
            wished["area_codes"] = None if anywhere else self.area_codes
            wished["lock_area_code"] = self.lock_area_code
        elif self.lock_area_code:
            wished["lock_area_code"] = True
        return RentNumber.model_validate(wished)
