"""Passes messages both ways, and begins a lost session anew by itself.

A purchase under way when the client leaves is finished by the gateway.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientConnectorError, ClientError, ClientResponse, ConnectionTimeoutError

from gateway.core.model.errors import GatewayError
from gateway.core.model.problem import read_problem
from mcp_server.options import McpOptions
from mcp_server.relay import messages
from mcp_server.relay.endpoint import Endpoint, body_of, message_in, messages_of, open_endpoint
from mcp_server.relay.messages import Json
from mcp_server.relay.narrowing import Narrowing
from mcp_server.relay.purchases import RequestIds, effect_of, lost_answer, unreachable
from mcp_server.relay.session import CANCELLED, SESSION_ID, RelayedQuestions, RelayedSession
from mcp_server.tools import results
from mcp_server.transport.lines import StdinLines, StdoutLines

log = logging.getLogger(__name__)

_INITIALIZED = "notifications/initialized"
_LAST_ANSWERS_SECONDS = 0.15
_DELETE_SECONDS = 0.2
_LISTEN_AGAIN_SECONDS = 2.0
_TRANSIENT = frozenset((429, 500, 502, 503, 504))  # statuses after which to listen again


async def run_relay(url: str, key: str, options: McpOptions) -> None:
    """Relay to the gateway at `url` until the client closes standard input, or a signal."""
    written = StdoutLines()
    try:
        async with open_endpoint(url, key) as endpoint:
            lines = StdinLines()
            await Relay(endpoint, options, written.put).run(lines, lines.ended)
    finally:
        written.close()


class _SessionLost(Exception):
    """The gateway does not know the session: it was restarted, or the session was idle."""


@dataclass(slots=True)
class _UnderWay:
    """A request of the client; `enveloped`: of the protocol from 2026-07-28 on."""

    task: "asyncio.Task[None]"
    enveloped: bool
    cancelled: bool = False


class Relay:
    """One client before one gateway."""

    def __init__(
        self, endpoint: Endpoint, options: McpOptions, write: Callable[[bytes], None]
    ) -> None:
        """`write` takes each line for the client."""
        self._endpoint = endpoint
        self._write = write
        self._narrowing = Narrowing(options)
        self._request_ids = RequestIds()
        self._questions = RelayedQuestions()
        self._under_way: dict[Any, _UnderWay] = {}
        self._session: RelayedSession | None = None
        self._initialize: Json | None = None
        self._listening: asyncio.Task[None] | None = None
        self._renewing = asyncio.Lock()

    async def run(self, lines: AsyncIterable[str], ended: asyncio.Event) -> None:
        """Relay until the lines have ended; answers that are nearly there are waited for."""
        taking = asyncio.create_task(self._take_all(lines))
        await ended.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_ANSWERS_SECONDS):
                await asyncio.shield(taking)
                while self._under_way:
                    await asyncio.wait([each.task for each in self._under_way.values()])
        tasks = [taking, *(each.task for each in self._under_way.values())]
        if self._listening is not None:
            tasks.append(self._listening)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self._end_session()

    async def _take_all(self, lines: AsyncIterable[str]) -> None:
        async for line in lines:
            if line.strip():
                await self._take(line)

    async def _take(self, line: str) -> None:
        """Pass on one line of the client. All but requests are passed on in their order."""
        try:
            message = messages.read_message(line)
        except messages.Unreadable as fault:
            self._put(fault.answer)
            return
        if messages.is_request(message):
            task = asyncio.create_task(self._request(message, line))
            enveloped = messages.envelope_version(message) is not None
            self._under_way[message["id"]] = _UnderWay(task, enveloped)
            if message["method"] == "initialize":
                await asyncio.wait([task])
        elif message.get("method") == CANCELLED:
            await self._cancel(message)
        elif "method" in message:
            await self._tell(message)
        elif (answer := self._questions.answered(message, self._session)) is not None:
            await self._tell(answer)

    async def _request(self, request: Json, line: str) -> None:
        """Pass on a request, and its answer, whatever goes wrong."""
        request_id, trace_id = request["id"], secrets.token_hex(8)
        answer = self._narrowing.refusal(request)
        if answer is None:
            sent = self._request_ids.completed(request, line)
            body = line.encode() if sent is request else messages.encoded(sent)
            try:
                answer = await self._answer(sent, body, trace_id)
                self._request_ids.note(sent, answer)
                answer = self._narrowing.narrowed(request, {**answer, "id": request_id})
            except GatewayError as error:
                log.warning("%s: %s", request["method"], error)
                answer = _failed(request, error, trace_id)
            except Exception:
                log.exception("relaying failed: %s, trace_id %s", request["method"], trace_id)
                answer = _failed(request, lost_answer(sent, unreadable=True), trace_id)
        under_way = self._under_way.pop(request_id, None)
        if under_way is None or not under_way.cancelled:
            self._put(answer)

    async def _answer(self, request: Json, body: bytes, trace_id: str) -> Json:
        """The gateway's answer to a request. Raises GatewayError."""
        headers = {"X-Request-Id": trace_id}
        version = messages.envelope_version(request)
        if version is not None:
            return await self._asked(
                request, body, headers | messages.envelope_headers(request, version)
            )
        if request["method"] == "initialize":
            return await self._opened(request, body, headers)
        session = self._session
        try:
            return await self._asked(request, body, headers, session)
        except _SessionLost:
            session = await self._renewed(session)
        try:
            return await self._asked(request, body, headers, session)
        except _SessionLost:
            raise unreachable() from None

    async def _opened(self, request: Json, body: bytes, headers: dict[str, str]) -> Json:
        """The answer to `initialize`, which opens a session."""
        session_ids: list[str | None] = []
        answer = await self._asked(request, body, headers, opens=session_ids)
        version = messages.result_of(answer).get("protocolVersion")
        if isinstance(version, str):
            self._session = RelayedSession(session_ids[0], version)
            self._initialize = request
        return answer

    async def _renewed(self, lost: RelayedSession | None) -> RelayedSession | None:
        """A session in place of a lost one, opened as the client opened that."""
        async with self._renewing:
            if self._session is lost and self._initialize is not None:
                request = self._initialize
                await self._opened(request, messages.encoded(request), {})
                await self._tell({"jsonrpc": "2.0", "method": _INITIALIZED})
        return self._session

    async def _asked(
        self,
        request: Json,
        body: bytes,
        headers: dict[str, str],
        session: RelayedSession | None = None,
        *,
        opens: list[str | None] | None = None,
    ) -> Json:
        """The answer to a request that is sent once. Raises GatewayError, _SessionLost."""
        headers = headers | (session.headers if session else {})
        status: int | None = None
        try:
            async with self._endpoint.post(body, headers) as response:
                status = response.status
                if response.status == 404 and session is not None and session.id is not None:
                    raise _SessionLost
                if opens is not None:
                    opens.append(response.headers.get(SESSION_ID))
                return await self._read_answer(request, response, session)
        except (ClientConnectorError, ConnectionTimeoutError) as fault:
            raise unreachable() from fault
        except (ClientError, TimeoutError) as fault:
            raise lost_answer(request) from fault
        except ValueError as fault:
            raise lost_answer(request, unreadable=True, status=status) from fault

    async def _read_answer(
        self, request: Json, response: ClientResponse, session: RelayedSession | None
    ) -> Json:
        if response.content_type == "text/event-stream":
            async for message in messages_of(response):
                if messages.is_answer(message):
                    return message
                self._pass_on(message, session)
            raise lost_answer(request)
        body = await body_of(response)
        if response.content_type == "application/problem+json":
            raise read_problem(body)
        message = message_in(body)
        if not messages.is_answer(message):
            raise ValueError("the message is no answer")
        return message

    def _pass_on(self, message: Json, session: RelayedSession | None) -> None:
        """Give the client what the gateway says besides answers."""
        if messages.is_request(message):
            self._put(self._questions.renamed(message, session))
        elif message.get("method") != CANCELLED:
            self._put(message)
        elif (notice := self._questions.withdrawn(message, session)) is not None:
            self._put(notice)

    async def _cancel(self, notice: Json) -> None:
        """Cancel a request: by a message in a session, else by closing its connection."""
        request_id = messages.params_of(notice).get("requestId")
        under_way = self._under_way.get(request_id) if isinstance(request_id, str | int) else None
        if under_way is None:
            return
        under_way.cancelled = True
        if under_way.enveloped:
            under_way.task.cancel()
            del self._under_way[request_id]
        else:
            await self._tell(notice)

    async def _tell(self, message: Json) -> None:
        """Send what wants no answer, in the session; where that is lost, it is dropped."""
        session = self._session
        if session is None:
            return
        with suppress(ClientError, TimeoutError):
            async with self._endpoint.post(messages.encoded(message), session.headers, soon=True):
                pass
        if message.get("method") == _INITIALIZED and session.id is not None:
            if self._listening is not None:
                self._listening.cancel()
            self._listening = asyncio.create_task(self._listen(session))

    async def _listen(self, session: RelayedSession) -> None:
        """Pass on what the gateway says besides its answers."""
        while self._session is session:
            with suppress(ClientError, TimeoutError, ValueError):
                async with self._endpoint.listen(session.headers) as response:
                    if response.status not in _TRANSIENT:
                        if response.content_type != "text/event-stream":
                            return
                        async for message in messages_of(response):
                            self._pass_on(message, session)
            await asyncio.sleep(_LISTEN_AGAIN_SECONDS)

    async def _end_session(self) -> None:
        if self._session is not None and self._session.id is not None:
            with suppress(ClientError, TimeoutError):
                async with asyncio.timeout(_DELETE_SECONDS):
                    async with self._endpoint.end(self._session.headers):
                        pass

    def _put(self, message: Json) -> None:
        self._write(messages.encoded(message))


def _failed(request: Json, error: GatewayError, trace_id: str) -> Json:
    """The answer to a request that failed on the way, in the words that a tool has for it."""
    failure = results.failure(error, trace_id, effect_of(request))
    if request["method"] != "tools/call":
        sentence = failure["content"][0]["text"]
        return messages.error_answer(request["id"], messages.INTERNAL_ERROR, sentence)
    if messages.envelope_version(request) is not None:
        failure["resultType"] = "complete"
    return {"jsonrpc": "2.0", "id": request["id"], "result": failure}
