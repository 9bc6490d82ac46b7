"""Plays conversations of a client with /mcp, and writes down what is said, the same each time."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_types import ElicitRequestParams, ElicitResult

from adapters.simulator import SimulatorConfig
from gateway.core.model.callers import Limits
from mcp_server.options import McpOptions
from scripts.mcp_transcript import Transcript
from tests.mcp.support import MODERN, OPTIONS, Person, SimulatedStand, connected, run_mcp

WRITTEN = Path(__file__).absolute().parents[2] / "surface" / "transcripts"
_MOVING = (
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "(a time)"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "(a day)"),
    (re.compile(r'(?<="ledger_id": ")\w+'), "(an id)"),
    (re.compile(r'(?<="retry_after_seconds": )\d+'), "1"),
)


class Talk(Transcript):
    """What a client and the gateway say; `stand` is where they say it."""

    def __init__(self, stand: SimulatedStand) -> None:
        super().__init__()
        self.stand = stand

    def note(self, text: str) -> None:
        """What happens besides."""
        self.lines.append(f"> {text}\n")


@dataclass
class Heard(Person):
    """A person, or a client for one, whose answers are written down."""

    talk: Talk | None = None

    async def answer(self, context: Any, params: ElicitRequestParams) -> ElicitResult:
        answer = await super().answer(context, params)
        said = answer.action if answer.content is None else f"{answer.action} {answer.content}"
        assert self.talk is not None
        self.talk.note(f"The client is asked: *{params.message}* It answers `{said}`.")
        return answer


@dataclass(frozen=True, slots=True)
class Scene:
    """A part of a conversation, with a gateway, a client and a person of its own."""

    heading: str
    play: Callable[[Talk], Awaitable[None]]
    person: Person | None = None
    options: McpOptions = OPTIONS
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """Scenes about one thing; `name` is that of the file."""

    name: str
    title: str
    config: SimulatorConfig
    scenes: tuple[Scene, ...]

    @property
    def path(self) -> Path:
        """The file that it is written down in."""
        return WRITTEN / f"{self.name}.md"

    async def played(self) -> str:
        """Play it; answers the text of its file."""
        parts = [f"# {self.title}\n"]
        for scene in self.scenes:
            parts += [f"## {scene.heading}\n", *await self._said(scene)]
        text = "\n".join(parts)
        for moving, same in _MOVING:
            text = moving.sub(same, text)
        return text

    async def _said(self, scene: Scene) -> list[str]:
        async with run_mcp(self.config, scene.options, scene.limits) as stand:
            talk, who = Talk(stand), scene.person
            heard = Heard(who.agrees, who.action, talk=talk) if who else None
            async with connected(stand.mcp, MODERN, person=heard) as talk.client:
                await scene.play(talk)
        return talk.lines
