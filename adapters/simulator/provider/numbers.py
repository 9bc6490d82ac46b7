"""US numbers of ten digits, each handed out once."""

from adapters.simulator.provider.refusals import No, Refusal

AREA_CODES = (
    "212", "646", "917", "718", "347", "310", "213", "415", "650", "408", "312", "773", "214",
    "469", "713", "832", "305", "786", "404", "678", "617", "857", "202", "206", "253", "303",
    "720", "602", "480", "702", "725", "503", "971", "215", "267", "410", "443", "313", "612",
    "614",
)  # fmt: skip
CARRIERS = ("at&t", "tmobile", "verizon")

_LOCALS = 8_000_000
_STRIDE = 4_999_999  # has no factor in common with _LOCALS: the walk visits every local number once


class Numbers:
    """An endless pool of numbers; area codes outside `AREA_CODES` have none."""

    def __init__(self) -> None:
        self._drawn = 0
        self._out: set[str] = set()

    def draw(self, area_code: str | None = None) -> str:
        """A number nobody had before, in the area asked for or any."""
        while True:
            self._drawn += 1
            area = area_code or AREA_CODES[self._drawn % len(AREA_CODES)]
            number = f"{area}{2_000_000 + self._drawn * _STRIDE % _LOCALS}"
            if number not in self._out:
                self._out.add(number)
                return number

    def reserve(self, number: str) -> None:
        """Takes a number somebody named out of the pool."""
        self._out.add(number)


def ten_digits(raw: str | None) -> str:
    """The number without its leading 1, or the refusal of something that is no US number."""
    digits = (raw or "").removeprefix("+")
    if len(digits) == 11:
        digits = digits.removeprefix("1")
    if len(digits) != 10 or not (digits.isascii() and digits.isdigit()):
        raise Refusal.of(No.NUMBER_NOT_AVAILABLE)
    return digits
