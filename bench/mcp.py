"""MCP: a cached tool call over /mcp, and the start and end of the servers on stdio.

Against the SDK's bare servers, and fastmcp on our REST.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory

from bench import starts as starting
from bench.contenders import KEY, gateway, upstream
from bench.measure import Contender, Sample, Samples, by_turns, median, ratio
from bench.process import Server, free_port, serving
from bench.report import Row, Target

REQUESTS = 2000
_VERSION = "2026-07-28"
_LIMIT = 20
_STARTS = 2


def run(rounds: int) -> list[Row]:
    """The servers take turns in every round; the price list is kept by all who keep one."""
    with ExitStack() as stack:
        provider = stack.enter_context(upstream())
        ours = stack.enter_context(gateway(provider))
        servers = {
            "gateway": ours,
            "bare mcp": stack.enter_context(_module("bare_mcp")),
            "fastmcp": stack.enter_context(
                _module("fastmcp_openapi", "--gateway", ours.url, "--key", KEY)
            ),
        }
        shares = {"fastmcp": 0.2}
        folder = stack.enter_context(TemporaryDirectory())
        commands = _commands(provider, ours, folder)
        starts = starting.by_turns(commands, rounds, _STARTS)
        samples = by_turns(
            {name: _calls(one, shares.get(name, 1.0)) for name, one in servers.items()},
            rounds,
            REQUESTS,
        )
    return [
        *_called(samples),
        _started(starts, "mcp", 1.4),
        _started(starts, "mcp --gateway", 1.15),
        _ended(starts, "mcp"),
        _ended(starts, "mcp --gateway"),
    ]


def _called(samples: Samples) -> list[Row]:
    cpu = [median(samples, name, _cpu) for name in ("gateway", "bare mcp")]
    rate = [median(samples, name, _rate) for name in ("gateway", "fastmcp")]
    return [
        Row(
            "tools/call: gateway / bare mcp",
            "CPU per call",
            ratio(samples, "gateway", "bare mcp", _cpu),
            Target("≤", 1.3),
            absolute=f"{cpu[0]:.0f} / {cpu[1]:.0f} µs",
        ),
        Row(
            "tools/call: gateway / fastmcp",
            "calls per second",
            ratio(samples, "gateway", "fastmcp", _rate),
            Target("≥", 3.0),
            absolute=f"{rate[0]:.0f} / {rate[1]:.0f}",
        ),
    ]


def _commands(provider: Server, gateway: Server, folder: str) -> dict[str, starting.Command]:
    ledger = {"GATEWAY_DATABASE_URL": f"sqlite:///{folder}/ledger.db"}
    embedded = {"GETATEXT_API_KEY": KEY, "GETATEXT_BASE_URL": provider.url} | ledger
    return {
        "bare": starting.Command(("-m", "bench.servers.bare_stdio"), {}),
        "mcp": starting.Command(("-m", "gateway", "mcp"), embedded),
        "mcp --gateway": starting.Command(
            ("-m", "gateway", "mcp", "--gateway", gateway.url), {"GETATEXT_API_KEY": KEY}
        ),
    }


def _started(starts: starting.Starts, name: str, limit: float) -> Row:
    cpu = [starting.cpu_median(starts, each) * 1000 for each in (name, "bare")]
    return Row(
        f"start of {name} / bare mcp on stdio",
        "CPU to an answered initialize",
        starting.cpu_ratio(starts, name, "bare"),
        Target("≤", limit),
        absolute=f"{cpu[0]:.0f} / {cpu[1]:.0f} ms",
    )


def _ended(starts: starting.Starts, name: str) -> Row:
    return Row(
        f"end of {name} after that of its input",
        "seconds",
        starting.end_seconds(starts, name),
        Target("≤", 0.5),
        unit=" s",
    )


def _calls(server: Server, share: float) -> Contender:
    return Contender(server, call, share=share)


def call(number: int) -> bytes:
    """The bytes of one call, as a client of the newer protocol sends it."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": _VERSION,
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": "list_prices", "arguments": {"limit": _LIMIT}, "_meta": meta}
    message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
    body = json.dumps(message, separators=(",", ":")).encode()
    lines = (
        "POST /mcp HTTP/1.1",
        "Host: 127.0.0.1:80",
        f"X-API-Key: {KEY}",
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        f"MCP-Protocol-Version: {_VERSION}",
        "Mcp-Method: tools/call",
        "Mcp-Name: list_prices",
        f"Content-Length: {len(body)}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@contextmanager
def _module(name: str, *arguments: str) -> Iterator[Server]:
    port = free_port()
    with serving(("-m", f"bench.servers.{name}", "--port", str(port), *arguments), port) as server:
        yield server


def _cpu(sample: Sample) -> float:
    return sample.cpu_micros


def _rate(sample: Sample) -> float:
    return sample.per_second
