"""The servers of a bench, by name: each starts one and gives it for the length of a block."""

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory, TemporaryFile

from bench.process import Server, free_port, serving

KEY = "sk_bench_0123456789abcdef"


@contextmanager
def upstream(*, news: bool = False, first: int = 1) -> Iterator[Server]:
    """`news`: no two of its answers about a rental are the same; `first`: the id of the first."""
    with _module("upstream", *(["--news"] if news else []), "--first", str(first)) as server:
        yield server


@contextmanager
def gateway(
    provider: Server, module: str = "gateway", *, access_log: bool = False, **settings: str
) -> Iterator[Server]:
    """`serve` as it is shipped, but free of the provider's pace; log and ledger go to files."""
    port = free_port()
    with TemporaryDirectory() as folder, TemporaryFile() as log:
        environment = {
            "GETATEXT_BASE_URL": provider.url,
            "GETATEXT_RATES": '{"rental_status": 10000}',
            "GATEWAY_DATABASE_URL": f"sqlite:///{folder}/ledger.db",
            "GATEWAY_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "GATEWAY_ACCESS_LOG": str(access_log).lower(),
            **settings,
        }
        with serving(("-m", module, "serve"), port, environment, log) as server:
            yield server


@contextmanager
def bare_proxy(provider: Server) -> Iterator[Server]:
    with _module("bare_proxy", "--upstream", provider.url) as server:
        yield server


@contextmanager
def fastapi_httpx(provider: Server) -> Iterator[Server]:
    with _module("fastapi_httpx", "--upstream", provider.url) as server:
        yield server


@contextmanager
def bare_bytes(like: str) -> Iterator[Server]:
    """Answers as the address `like` does now."""
    with _module("bare_bytes", "--like", like, "--key", KEY) as server:
        yield server


@contextmanager
def empty(path: str | None) -> Iterator[Server]:
    """Answers nothing at `path`; at any where there is none, and no application either."""
    with _module("empty", *(["--path", path] if path else [])) as server:
        yield server


@contextmanager
def _module(name: str, *arguments: str) -> Iterator[Server]:
    port = free_port()
    with serving(("-m", f"bench.servers.{name}", "--port", str(port), *arguments), port) as server:
        yield server
