"""Scripted faults: what goes wrong, with which call, how often."""

import json
from collections.abc import Mapping
from dataclasses import field, replace
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from adapters.simulator.provider.quantities import STRICT, ByValue, Seconds, Whole

ANY_CALL = "*"


class FaultKind(StrEnum):
    """What goes wrong.

    status        answers with `status` and `body`
    html          answers with `status` and a proxy's error page
    rate_limited  answers with the 429 of the configured limits
    hang          accepts the request and never answers
    slow          does the work and sends the right answer `seconds` later
    drop_before   closes the connection without doing the work
    drop_after    does the work and closes the connection without an answer
    truncated     does the work, declares the full Content-Length, sends half and closes
    cut_json      does the work and sends half the body as if it were complete
    """

    STATUS = "status"
    HTML = "html"
    RATE_LIMITED = "rate_limited"
    HANG = "hang"
    SLOW = "slow"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    TRUNCATED = "truncated"
    CUT_JSON = "cut_json"


def _as_text(raw: object) -> str:
    return raw if isinstance(raw, str) else json.dumps(raw)


@dataclass(frozen=True, slots=True, config=STRICT)
class Fault:
    """One scripted fault, for the next `times` requests of a call (None: until cleared).

    `after_work` carries out the request first where the kind does not decide it, such as for the
    502 of a proxy after the purchase. `account` limits the fault to one key. A `body` that is no
    text is sent as JSON.
    """

    call: str
    kind: ByValue[FaultKind]
    times: Whole | None = 1
    status: Whole = 502
    body: Annotated[str, BeforeValidator(_as_text)] = ""
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: Seconds = 1.0
    after_work: bool = False
    account: str | None = None

    @property
    def does_work(self) -> bool:
        """Whether the request is carried out although its answer is never sent."""
        if self.kind is FaultKind.DROP_BEFORE:
            return False
        return self.after_work or self.kind is FaultKind.DROP_AFTER

    def matches(self, call: str, account: str | None) -> bool:
        """Whether the fault is for this call and account."""
        return self.call in (call, ANY_CALL) and self.account in (None, account)


class Faults:
    """The scripted faults in order; a request meets the first that matches."""

    def __init__(self) -> None:
        self._scripted: list[Fault] = []

    @property
    def scripted(self) -> tuple[Fault, ...]:
        """The faults not used up yet."""
        return tuple(self._scripted)

    def add(self, fault: Fault) -> None:
        """Adds a fault after the others."""
        self._scripted.append(fault)

    def clear(self) -> None:
        """Removes all faults."""
        self._scripted.clear()

    def take(self, call: str, account: str | None) -> Fault | None:
        """The fault for this request, if any; it counts as used once."""
        for index, fault in enumerate(self._scripted):
            if fault.matches(call, account):
                self._use(index, fault)
                return fault
        return None

    def _use(self, index: int, fault: Fault) -> None:
        if fault.times is None:
            return
        if fault.times <= 1:
            del self._scripted[index]
        else:
            self._scripted[index] = replace(fault, times=fault.times - 1)
