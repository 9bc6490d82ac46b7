"""The pool of US numbers of ten digits, each given out once."""

from adapters.simulator.provider.refusals import Reason, Refusal

AREA_CODES = (
    "212", "646", "917", "718", "347", "310", "213", "415", "650", "408", "312", "773", "214",
    "469", "713", "832", "305", "786", "404", "678", "617", "857", "202", "206", "253", "303",
    "720", "602", "480", "702", "725", "503", "971", "215", "267", "410", "443", "313", "612",
    "614",
)  # fmt: skip
CARRIERS = ("at&t", "tmobile", "verizon")

_LOCALS = 8_000_000
_STRIDE = 4_999_999  # coprime to _LOCALS, so stepping by it reaches every local number once


class Numbers:
    """Gives out numbers in any of `AREA_CODES`, never one twice."""

    def __init__(self) -> None:
        self._drawn = 0
        self._given_out: set[str] = set()

    def draw(self, area_code: str | None = None) -> str:
        """A number not given out before, in this area or in any."""
        while True:
            self._drawn += 1
            area = area_code or AREA_CODES[self._drawn % len(AREA_CODES)]
            number = f"{area}{2_000_000 + self._drawn * _STRIDE % _LOCALS}"
            if number not in self._given_out:
                self._given_out.add(number)
                return number

    def reserve(self, number: str) -> None:
        """Takes a certain number out of the pool."""
        self._given_out.add(number)


def ten_digits(raw: str | None) -> str:
    """The number without its leading 1. Raises `Refusal` when it is no US number."""
    digits = (raw or "").removeprefix("+")
    if len(digits) == 11:
        digits = digits.removeprefix("1")
    if len(digits) != 10 or not (digits.isascii() and digits.isdigit()):
        raise Refusal.of(Reason.NUMBER_NOT_AVAILABLE)
    return digits
