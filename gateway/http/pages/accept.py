"""Whether a request at / wants the page, or the same as JSON."""

from collections.abc import Iterable

_HTML, _JSON = "text/html", "application/json"


def prefers_html(accept: Iterable[str]) -> bool:
    """Whether the Accept headers prefer HTML to JSON.

    Browsers name HTML. Who names neither, like curl with */*, is a program, and gets JSON.
    """
    ranges = [_range(text) for line in accept for text in line.split(",")]
    return _weight(_HTML, ranges) > _weight(_JSON, ranges)


def _range(text: str) -> tuple[str, float]:
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return name, 0.0
            return name, weight if 0.0 <= weight <= 1.0 else 0.0
    return name, 1.0


def _weight(media: str, ranges: Iterable[tuple[str, float]]) -> tuple[float, bool]:
    """The weight of a media type by its most specific range, and whether it is named itself."""
    given = dict(reversed(list(ranges)))
    for name in (media, media.partition("/")[0] + "/*", "*/*"):
        if name in given:
            return given[name], name == media and given[name] > 0
    return 0.0, False
