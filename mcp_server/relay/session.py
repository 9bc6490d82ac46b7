"""The session of a relay at its gateway, in the protocol before 2026-07-28."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp_server.relay.messages import Json, params_of

SESSION_ID = "Mcp-Session-Id"
CANCELLED = "notifications/cancelled"


@dataclass(frozen=True, slots=True, eq=False)
class RelayedSession:
    """What the gateway answered to `initialize`; `id` is None where it keeps no sessions."""

    id: str | None
    version: str

    @property
    def headers(self) -> dict[str, str]:
        """The headers by which a request belongs to it."""
        session_id = {SESSION_ID: self.id} if self.id else {}
        return {"Mcp-Protocol-Version": self.version, **session_id}


class RelayedQuestions:
    """The gateway's requests to the client, each under an id that no other session gives.

    After a restart the gateway counts its ids anew: a person's answer to an old question must not
    be taken for the answer to a new one.
    """

    def __init__(self) -> None:
        """Start without questions."""
        self._asked: dict[str, tuple[RelayedSession | None, Any]] = {}
        self._count = 0

    def renamed(self, request: Json, session: RelayedSession | None) -> Json:
        """The gateway's request as the client gets it."""
        self._count += 1
        name = f"relayed-{self._count}"
        self._asked[name] = session, request["id"]
        return {**request, "id": name}

    def withdrawn(self, notice: Json, session: RelayedSession | None) -> Json | None:
        """The gateway's word that a request is cancelled, as the client gets it."""
        params = params_of(notice)
        for name, asked in self._asked.items():
            if asked == (session, params.get("requestId")):
                del self._asked[name]
                return {**notice, "params": {**params, "requestId": name}}
        return None

    def answered(self, answer: Mapping[str, Any], session: RelayedSession | None) -> Json | None:
        """The client's answer as the gateway gets it; None where nobody waits for it any more."""
        asked_in, request_id = self._asked.pop(str(answer.get("id")), (None, None))
        if asked_in is None or asked_in is not session:
            return None
        return {**answer, "id": request_id}
