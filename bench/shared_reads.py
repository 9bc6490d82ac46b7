"""One rental read by many at once, the provider 50 ms away: against nginx before the same."""

import asyncio
import shutil
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.contenders import KEY, gateway
from bench.load import connected, get
from bench.measure import Ratio, new_event_loop
from bench.process import Server, free_port, serving
from bench.report import Row, Target

_SECONDS = 0.05
_REQUESTS = {64: 2000, 512: 6000}
_NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream provider {{ server 127.0.0.1:{upstream}; keepalive 1024; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://provider; proxy_http_version 1.1;
                  proxy_set_header Connection ""; }}
  }}
}}
"""


def run(rounds: int) -> list[Row]:
    """By turns, first with few connections, then with many."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    with ExitStack() as stack:
        provider = stack.enter_context(_late())
        servers = {"gateway": stack.enter_context(gateway(provider))}
        if program is None:
            print("shared_reads: nginx is not installed; without it", file=sys.stderr)
        else:
            servers["nginx"] = stack.enter_context(_nginx(program, provider))
        return [_compare(servers, count, rounds) for count in _REQUESTS]


def _compare(servers: Mapping[str, Server], connections: int, rounds: int) -> Row:
    found: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(rounds):
        for name, server in servers.items():
            with asyncio.Runner(loop_factory=new_event_loop()) as runner:
                found[name].append(runner.run(_rate(server, connections)))
    rates = {name: statistics.median(values) for name, values in found.items()}
    absolute = " / ".join(f"{rate:.0f}" for rate in rates.values()) + " requests/s"
    what = f"{connections} connections: " + " / ".join(rates)
    if "nginx" not in found:
        return Row(what, "requests/s", _spread(found["gateway"]), None, "", absolute)
    pairs = zip(found["gateway"], found["nginx"], strict=True)
    return Row(
        what, "requests/s", _spread([a / b for a, b in pairs]), Target("≥", 1.0), absolute=absolute
    )


async def _rate(server: Server, connections: int) -> float:
    request = get("/v1/rentals/12345", X_API_Key=KEY)
    async with connected(server.port, connections) as load:
        await load.run([request] * connections)
        batch = [request] * _REQUESTS[connections]
        begun = time.perf_counter()
        await load.run(batch)
        return len(batch) / (time.perf_counter() - begun)


def _spread(values: Sequence[float]) -> Ratio:
    return Ratio(statistics.median(values), min(values), max(values))


@contextmanager
def _late() -> Iterator[Server]:
    port = free_port()
    arguments = ("-m", "bench.servers.late", "--port", str(port), "--seconds", str(_SECONDS))
    with serving(arguments, port) as server:
        yield server


@contextmanager
def _nginx(program: str, provider: Server) -> Iterator[Server]:
    port = free_port()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "nginx.conf"
        path.write_text(_NGINX.format(folder=folder, port=port, upstream=provider.port))
        become = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
        with serving(("-c", become, program, "-c", str(path)), port) as server:
            yield server
