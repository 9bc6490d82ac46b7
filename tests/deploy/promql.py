"""As much of PromQL as the rules and the dashboard use: names, labels and functions of a query."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

FUNCTIONS = {
    *("sum", "min", "max", "rate", "increase", "histogram_quantile", "abs", "absent"),
    "label_values",  # of Grafana's variables
}
GROUPING = {"by", "without", "on", "ignoring"}
OPERATORS = {"and", "or", "unless"}
_TOKEN = re.compile(
    r"""(?P<string>"[^"\\]*")
    | (?P<range>\[(?:\d+[smhd]|\$__rate_interval)\])
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>=~|!~|!=|==|>=|<=|[-+*/(){},=<>])
    | (?P<space>\s+)""",
    re.VERBOSE,
)


class Matcher(NamedTuple):
    """What a query asks of a label."""

    label: str
    sign: str
    value: str

    def takes(self, value: str) -> bool:
        """Whether a label of this value is one of those asked for."""
        if self.sign in ("=", "!="):
            return (value == self.value) == (self.sign == "=")
        return (re.fullmatch(self.value, value) is not None) == (self.sign == "=~")


@dataclass
class Query:
    """The metrics of a query with what it asks of their labels, and the labels it groups by."""

    metrics: list[tuple[str, list[Matcher]]] = field(default_factory=list)
    groups: set[str] = field(default_factory=set)


class Token(NamedTuple):
    kind: str
    text: str


def tokens(text: str) -> Iterator[Token]:
    """The tokens; raises ValueError for what is none."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"cannot be read from here: {text[at:]}")
        at = found.end()
        kind = found.lastgroup or ""
        if kind != "space":
            yield Token(kind, found[0])


def read(text: str) -> Query:
    """The query; raises ValueError for what is not understood."""
    found, rest = Query(), [*tokens(text), Token("end", "")]
    _check_brackets(rest)
    at = 0
    while rest[at].kind != "end":
        kind, word = rest[at]
        after = rest[at + 1].text
        at += 1
        if kind != "name" or word in OPERATORS:
            continue
        if word in GROUPING:
            labels, at = _listed(rest, at)
            found.groups |= labels
        elif after == "(" or after in GROUPING:
            if word not in FUNCTIONS:
                raise ValueError(f"no function: {word}")
        else:
            matchers, at = _matchers(rest, at)
            found.metrics.append((word, matchers))
    return found


def _check_brackets(rest: list[Token]) -> None:
    depth = 0
    for token in rest:
        depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "sign" else 0
        if depth < 0:
            raise ValueError("a bracket closes that was not opened")
    if depth:
        raise ValueError("a bracket is left open")


def _listed(rest: list[Token], at: int) -> tuple[set[str], int]:
    """The labels in brackets, separated by commas."""
    names: set[str] = set()
    expected = "("
    while expected:
        sign, name, end = rest[at : at + 3]
        if (sign.text, name.kind) != (expected, "name"):
            raise ValueError(f"no list of labels: {sign.text}{name.text}")
        names.add(name.text)
        expected = "," if end.text == "," else ""
        at += 2
    if rest[at].text != ")":
        raise ValueError(f"no end of a list of labels: {rest[at].text}")
    return names, at + 1


def _matchers(rest: list[Token], at: int) -> tuple[list[Matcher], int]:
    """What stands in braces behind a metric, if anything does."""
    found: list[Matcher] = []
    if rest[at].text != "{":
        return found, at
    while rest[at].text != "}":
        label, sign, value, end = rest[at + 1 : at + 5]
        if (label.kind, value.kind) != ("name", "string") or end.text not in ",}":
            raise ValueError(f"no matcher: {label.text}{sign.text}{value.text}")
        found.append(Matcher(label.text, sign.text, value.text[1:-1]))
        at += 4
    return found, at + 1
