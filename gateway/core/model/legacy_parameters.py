"""The purchase parameters that existing tools send, and their meaning as inputs of rent_number.

A parameter that affects what is bought or paid is mapped, or makes the purchase impossible. None
is dropped silently.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from gateway.core.model.preferences import ANY, carrier_named
from gateway.core.model.quote import lowest_max_price

Inputs = Mapping[str, object]
Reader = Callable[[str], Inputs | None]
"""Maps a value to inputs of rent_number; None: no number can meet it."""

_NOTHING: Inputs = MappingProxyType({})
_AREA = re.compile(r"[2-9][0-9]{2}").fullmatch
_NUMBER = re.compile(r"\+?1?([2-9][0-9]{9})").fullmatch
_MOST_AREAS = 100  # the limit of rent_number


def _meaningless(raw: str) -> Inputs:
    """A parameter that has no effect, or is read elsewhere."""
    return _NOTHING


def _unavailable(raw: str) -> Inputs | None:
    """A feature that the provider does not sell; only a value that disables it can be met."""
    return _NOTHING if raw.lower() in ("0", "false") else None


def _areas(raw: str) -> Inputs | None:
    """Area codes; the number must have one of them."""
    areas = _listed(raw)
    if not areas or len(areas) > _MOST_AREAS or not all(_AREA(area) for area in areas):
        return None
    return {"area_codes": ",".join(areas), "lock_area_code": True}


def _carrier(raw: str) -> Inputs | None:
    """The carrier the number must have; the provider accepts a single one."""
    named = {carrier_named(name) for name in _listed(raw)}
    if len(named) != 1:
        return None
    carrier = named.pop()
    if carrier == ANY:
        return _NOTHING
    return None if carrier is None else {"carrier": carrier, "keep_carrier": True}


def _number(raw: str) -> Inputs | None:
    """One specific number, of ten or eleven digits."""
    found = _NUMBER(raw)
    return {"number": f"+1{found[1]}"} if found else None


def _listed(raw: str) -> list[str]:
    """The items between commas, in their order and without duplicates."""
    return list(dict.fromkeys(one.strip() for one in raw.split(",") if one.strip()))


def _each(names: str, reader: Reader) -> dict[str, Reader]:
    return dict.fromkeys(names.split(), reader)


_HARMLESS = _each(
    "ref ref_id owner softId freePrice minPrice providerIds exceptProviderIds fixedPrice"
    " useCashBack language lang json text userId v version _ t ts rand",
    _meaningless,
)
PARAMETERS: Mapping[str, Reader] = MappingProxyType(
    {
        **_HARMLESS,
        # Read elsewhere: key, service, price limit and request id.
        **_each("api_key action service country maxPrice max_price orderId", _meaningless),
        "areas": _areas,
        "carriers": _carrier,
        "operator": _carrier,
        "number": _number,
        **_each("phoneException ltr duration auto_renew forward", _unavailable),
        **_each("verification multiService activationType", _unavailable),
    }
)
"""Every known parameter of a purchase, with its reader."""

# Includes those of Getatext's own calls, where an operator's harmless names apply, too.
_DECIDING = {name.lower() for name in PARAMETERS.keys() - _HARMLESS.keys()} | {
    "carrier", "keep_carrier", "area_codes", "lock_area_code", "rental_id", "id", "rental_time",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LegacyParameters:
    """The parameters of one purchase, read.

    `inputs` are those of rent_number. `impossible` names the parameters that no number can meet,
    `unknown` those whose effect is not known.
    """

    inputs: Inputs
    impossible: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def lowest_price(self, price: Decimal) -> Decimal:
        """The lowest sufficient price limit for a service of this price, with surcharges."""
        return lowest_max_price(
            price, carrier="carrier" in self.inputs, area="area_codes" in self.inputs
        )


def read_purchase_parameters(
    parameters: Mapping[str, str], harmless: Collection[str] = ()
) -> LegacyParameters:
    """Read the parameters of a purchase; `harmless` names more of them without any effect."""
    inputs: dict[str, object] = {}
    impossible = []
    for name, raw in parameters.items():
        read = PARAMETERS.get(name, _meaningless)(raw)
        if read is None or any(inputs.get(key, value) != value for key, value in read.items()):
            impossible.append(name)
        inputs.update(read or {})
    # The provider's call for one number takes no other input.
    if "number" in inputs and len(inputs) > 1:
        impossible.append("number")
    unknown = (name for name in parameters if name not in PARAMETERS and name not in harmless)
    return LegacyParameters(inputs, tuple(impossible), tuple(unknown))


def check_harmless(names: Iterable[str]) -> list[str]:
    """An operator's harmless names, stripped. Raises ValueError for one that has an effect."""
    stripped = [name.strip() for name in names]
    if not all(stripped):
        raise ValueError("has an empty name")
    wrong = next((name for name in stripped if name.lower() in _DECIDING), None)
    if wrong is not None:
        raise ValueError(f"cannot hold {wrong}, which decides what is bought")
    return stripped
