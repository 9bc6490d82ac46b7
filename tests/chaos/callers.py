"""Callers who rent, read their codes or cancel, and again, whatever becomes of the gateways."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import ClientSession

from tests.chaos.faces import Face, Line, NamedFace
from tests.chaos.history import (
    DECIDED,
    Answer,
    GivenUp,
    History,
    Replacement,
    Sight,
    Told,
    Wish,
)
from tests.chaos.nodes import Node

TURNS = 250  # the most wishes of a caller
_CANCELLED = 4  # every fourth wish is cancelled instead of read
_REPLACED = 6, 2  # of every six wishes this one is replaced first, where its client can
_PATIENCE = 10.0  # seconds for which a client without request ids repeats; it may for a minute


def service(caller: int, turn: int) -> str:
    """The service that only this caller asks for, and only in this turn."""
    return f"wish{caller}x{turn}"


def is_silent(turn: int) -> bool:
    """Whether the rental of this turn gets no code, and is replaced or cancelled."""
    return turn % _CANCELLED == 0 or _is_replaced(turn)


def _is_replaced(turn: int) -> bool:
    every, this = _REPLACED
    return turn % every == this


@dataclass
class Crowd:
    """All callers of a run. `hang_ups` is the share of requests whose client does not wait."""

    session: ClientSession
    nodes: Sequence[Node]
    history: History
    hang_ups: float = 0.0
    until: float = 0.0
    closing: float = float("inf")

    def line(self, key: str, patience: float = 20.0) -> Line:
        """To any of the nodes."""
        return Line(self.session, random.choice(self.nodes).url, key, patience)

    async def live(self, tasks: asyncio.TaskGroup, number: int, key: str, face: Face) -> None:
        """One caller's life, until nothing new is to be asked for; `tasks` read and cancel."""
        for turn in range(TURNS):
            if time.time() > self.until:
                return
            wish = Wish(service(number, turn), key, face.name)
            self.history.wishes.append(wish)
            await self._fulfil(wish, face)
            if wish.bought is not None and wish.bought.rental is not None:
                tasks.create_task(self._after(wish, face, turn, wish.bought.rental))
            await asyncio.sleep(random.uniform(0.1, 0.4))

    async def _fulfil(self, wish: Wish, face: Face) -> None:
        """Ask until it is decided; one who names purchases asks once more after that."""
        give_up = self.closing if face.named else min(self.closing, time.time() + _PATIENCE)
        answer = await self._buy(wish, face)
        while answer.told not in DECIDED and time.time() < min(give_up, self.closing):
            await asyncio.sleep(random.uniform(0.05, 0.3))
            answer = await self._buy(wish, face)
        if face.named and random.random() < 0.3:
            await self._buy(wish, face)

    async def _buy(self, wish: Wish, face: Face) -> Answer:
        hangs_up = random.random() < self.hang_ups
        line = self.line(wish.key, random.uniform(0.02, 0.15) if hangs_up else 20.0)
        wish.asked.append(time.time())
        wish.nodes.append(line.url)
        told, rental = await face.buy(line, wish.service)
        answer = Answer(time.time(), told, rental, node=line.url)
        wish.answers.append(answer)
        return answer

    async def _after(self, wish: Wish, face: Face, turn: int, rental: int) -> None:
        """Read the code, or give the silent number back."""
        if not is_silent(turn):
            await self._read(face, wish.key, rental)
        elif _is_replaced(turn) and isinstance(face, NamedFace):
            await self._replace(wish, face, rental)
        else:
            await self._cancel(face, wish.key, rental)

    async def _replace(self, wish: Wish, face: NamedFace, rental: int) -> None:
        """Replace it, and cancel whichever is left: its replacement stays silent too."""
        replacement = Replacement(wish, rental)
        self.history.replacements.append(replacement)
        told, new = Told.LOST, None
        while told not in DECIDED and time.time() < self.closing:
            line = self.line(wish.key)
            told, new = await face.replace(line, wish.service, rental)
            replacement.answers.append(Answer(time.time(), told, new, node=line.url))
            await asyncio.sleep(random.uniform(0.05, 0.3))
        if new is not None:
            self.history.given_up.append(GivenUp(wish.key, rental))
        await self._cancel(face, wish.key, rental if new is None else new)

    async def _read(self, face: Face, key: str, rental: int) -> None:
        """Look until the code is there, and let others try to see it too."""
        strangers = [wish.key for wish in self.history.wishes if wish.key != key]
        if strangers and random.random() < 0.2:
            await self._look(face, random.choice(strangers), rental)
        code = await self._look(face, key, rental)
        while code is None and time.time() < self.closing:
            await asyncio.sleep(0.2)
            code = await self._look(face, key, rental)

    async def _look(self, face: Face, key: str, rental: int) -> str | None:
        shown, code = await face.code(self.line(key), rental)
        if shown:
            self.history.sights.append(Sight(time.time(), key, rental, code))
        return code

    async def _cancel(self, face: Face, key: str, rental: int) -> None:
        while time.time() < self.closing:
            if await face.cancel(self.line(key), rental):
                self.history.given_up.append(GivenUp(key, rental))
                return
            await asyncio.sleep(0.3)


def decided(wishes: Sequence[Wish], told: Told) -> int:
    """How many ended so."""
    return sum(wish.outcome is told for wish in wishes)
