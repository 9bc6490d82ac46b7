"""What the runs showed, as one table and the breaches below it."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.callers import decided
from tests.chaos.history import History, Told
from tests.chaos.judging import Verdict

HEAD = (
    "scenario", "runs", "asked", "bought", "unknown", "refused", "double purchases",
    "wrong callers", "codes late", "sold unwritten", "replaced", "given back twice",
    "replaced twice", "wishes lost", "books equal", "events lost", "events wrong", "others",
    "notes",
)  # fmt: skip
_MOST_TOLD = 5  # breaches of a scenario


@dataclass(frozen=True, slots=True)
class Result:
    """A scenario's history and what the judge made of it."""

    name: str
    history: History
    verdict: Verdict

    def cells(self) -> tuple[str, ...]:
        """The scenario's line of the table."""
        wishes, verdict = self.history.wishes, self.verdict
        return (
            self.name,
            str(self.history.runs),
            str(len(wishes)),
            *(str(decided(wishes, told)) for told in (Told.BOUGHT, Told.UNKNOWN, Told.REFUSED)),
            *(
                str(len(found))
                for found in (
                    verdict.doubles,
                    verdict.wrong_callers,
                    verdict.late_codes,
                    verdict.sold_unwritten,
                )
            ),
            str(sum(one.outcome is Told.BOUGHT for one in self.history.replacements)),
            *(
                str(len(found))
                for found in (
                    verdict.given_back_twice,
                    verdict.replaced_twice,
                    verdict.wishes_lost,
                )
            ),
            f"NO ({len(verdict.books)})" if verdict.books else "yes",
            *(
                str(len(found))
                for found in (verdict.events_lost, verdict.events_wrong, verdict.others)
            ),
            "; ".join(self.history.notes),
        )


def report(results: Sequence[Result]) -> str:
    """The table, which also reads well in a terminal, and what broke."""
    lines = [HEAD, *(result.cells() for result in results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    ruler = tuple("-" * width for width in widths)
    rows = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |"
        for line in (lines[0], ruler, *lines[1:])
    ]
    return "\n".join([*rows, "", *(line for result in results for line in _broken(result))])


def _broken(result: Result) -> list[str]:
    verdict = result.verdict
    kinds = (
        verdict.doubles,
        verdict.wrong_callers,
        verdict.late_codes,
        verdict.sold_unwritten,
        verdict.given_back_twice,
        verdict.replaced_twice,
        verdict.wishes_lost,
        verdict.books,
        verdict.events_lost,
        verdict.events_wrong,
        verdict.others,
    )
    told = []
    for breaches in kinds:
        told += [f"{result.name}: {one}" for one in breaches[:_MOST_TOLD]]
        if len(breaches) > _MOST_TOLD:
            told.append(f"{result.name}: … and {len(breaches) - _MOST_TOLD} more like these")
    return told
