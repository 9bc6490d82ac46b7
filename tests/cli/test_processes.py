"""Commands as processes of their own: signals, sockets, and the calls they print."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import pytest

from adapters.simulator import DEMO_KEY, Fault, FaultKind
from tests.cli.conftest import Elsewhere, Provider

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a command; what still runs afterwards is killed."""
    started: list[subprocess.Popen[str]] = []

    def popen(*words: str, **env: str) -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("GATE", "GETA"))}
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", *words],
            env=environment | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield popen
    for process in started:
        process.kill()
        process.communicate()


def read_until(stream: IO[str] | None, words: str) -> str:
    text = ""
    assert stream
    while words not in text and (line := stream.readline()):
        text += line
    return text


def replay(call: str) -> dict[str, object]:
    """A printed curl call, made without curl."""
    words = iter(shlex.split(call)[1:])
    headers, method, body, url = {}, None, None, ""
    for word in words:
        match word:
            case "-sS":
                pass
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "-X":
                method = next(words)
            case "-d":
                body = next(words).encode()
            case _:
                url = word
    request = urllib.request.Request(url, body, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        answer = json.load(response)
        assert isinstance(answer, dict)
        return answer


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_calls_that_serve_prints_work_when_pasted_in_order(start: Start) -> None:
    process = start(
        "serve",
        "--simulate",
        "--port",
        "0",
        "--code-after",
        "1",
        GETATEXT_API_KEY="sk_real_0123456789",
    )
    threading.Thread(target=lambda: process.stderr and process.stderr.read()).start()
    text = read_until(process.stdout, "Ctrl-C ends it")
    calls = re.findall("^curl .*", text, re.M)
    prices, rented, waited, read, completed, balance = map(replay, calls)
    pasted = text[text.index("export GATEWAY_URL=") : text.index("In a browser")]
    commands = subprocess.run(
        ["sh", "-ec", pasted], check=True, capture_output=True, text=True, timeout=60
    )

    assert "\x1b" not in text
    assert "sk_real" not in text
    assert isinstance(prices["data"], list)
    assert prices["data"][0]["service_code"] == "whatsapp"
    assert (rented["status"], read["id"]) == ("active", rented["id"])
    assert (waited["status"], waited["code"]) == ("received", read["code"])
    assert completed["status"] == "completed"
    assert balance["balance"] == "99.45"
    assert re.search("whatsapp +2 ", commands.stdout) or '"rentals":2' in commands.stdout
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0


def test_serve_logs_what_it_runs_with_and_why_it_ends_on_sigterm(start: Start) -> None:
    process = start(
        "serve", "--port", "0", "--log-format", "json", GETATEXT_BASE_URL="http://127.0.0.1:1"
    )
    assert process.stderr
    line = json.loads(process.stderr.readline())
    data = f"{os.environ['XDG_DATA_HOME']}/getatext-gateway"

    assert line["event"] == "listening"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", line["url"])
    assert line["version"] == version("getatext-gateway")
    assert {"rest", "mcp", "sms_activate", "getatext", "events", "webhook"} <= {*line["faces"]}
    assert (line["database"], line["data"]) == (f"sqlite {data}/gateway.db", data)
    assert (line["provider"], line["pass_through"]) == ("http://127.0.0.1:1", "on")
    process.terminate()
    last = json.loads(process.stderr.read().splitlines()[-1])
    assert process.wait(60) == 0
    assert (last["event"], last["reason"]) == ("stopped", "SIGTERM")
    assert last["seconds_up"] > 0


@pytest.mark.parametrize("command", ["serve", "simulate"])
def test_a_port_in_use_is_a_sentence(command: str, start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = start(command, "--port", port)
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 1
    assert f"Port {port} of 127.0.0.1 is in use." in errors
    assert "Traceback" not in errors


@dataclass(frozen=True, slots=True)
class Alone:
    """A stand-in provider that runs alone, and the settings it printed."""

    process: subprocess.Popen[str]
    settings: dict[str, str]

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0


@pytest.fixture
def stand_in(start: Start, tmp_path: Path) -> Callable[..., Alone]:
    def begin(*options: str) -> Alone:
        process = start("simulate", *options, TMPDIR=str(tmp_path))
        assert process.stdout
        export, *pairs = shlex.split(process.stdout.readline())
        assert export == "export"
        return Alone(process, dict(pair.split("=", 1) for pair in pairs))

    return begin


def test_the_stand_in_provider_runs_alone_and_has_a_ledger_of_its_own(
    stand_in: Callable[..., Alone], start: Start, tmp_path: Path
) -> None:
    first, second = stand_in(), stand_in()
    answer, errors = start("rent", "--yes", "whatsapp", "--json", **first.settings).communicate(
        timeout=60
    )
    ledgers = [
        Path(each.settings["GATEWAY_DATABASE_URL"].removeprefix("sqlite:///"))
        for each in (first, second)
    ]

    assert json.loads(answer)["balance"] == "99.45", errors
    assert list(first.settings) == ["GETATEXT_BASE_URL", "GETATEXT_API_KEY", "GATEWAY_DATABASE_URL"]
    assert [ledger.is_file() for ledger in ledgers] == [True, False]
    assert [ledger.is_relative_to(tmp_path) for ledger in ledgers] == [True, True]
    assert not list(Path(os.environ["XDG_DATA_HOME"]).rglob("*.db"))
    first.end()
    second.end()


def control(url: str, name: str) -> Any:
    with urllib.request.urlopen(f"{url}/_control/{name}", timeout=60) as answer:
        return json.load(answer)


def out_of_stock(url: str) -> set[str]:
    request = urllib.request.Request(f"{url}/api/v1/prices-info", headers={"Auth": DEMO_KEY})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return {each["api_name"] for each in json.load(answer)["prices"] if each.get("stock") == 0}


def test_the_stand_in_provider_has_the_silent_numbers_delays_and_stock_it_is_told(
    stand_in: Callable[..., Alone],
) -> None:
    delays = ("--silent", "0.4", "--cancel-lock", "300", "--code-after", "30")
    usual, told = stand_in(), stand_in(*delays, "--no-stock", "whatsapp, Claude")
    urls = [each.settings["GETATEXT_BASE_URL"] for each in (usual, told)]
    shown = [control(url, "settings") for url in urls]
    empty = [out_of_stock(url) for url in urls]

    assert [(each["silent"], each["cancel_locked"]) for each in shown] == [
        (0.0, 60.0),
        (0.4, 300.0),
    ]
    assert [each["code_after"] for each in shown] == [4.0, 30.0]
    assert empty[1] - empty[0] == {"whatsapp", "claude"}
    usual.end()
    told.end()


BUYING = (("rent", "whatsapp", "--yes"), ("long", "create", "1w", "--yes"))


def test_a_stand_in_provider_that_is_started_again_repeats_no_id(
    stand_in: Callable[..., Alone], start: Start
) -> None:
    ledger, ids = "", list[int]()
    for _ in range(2):
        provider = stand_in()
        ledger = ledger or provider.settings["GATEWAY_DATABASE_URL"]
        env = provider.settings | {"GATEWAY_DATABASE_URL": ledger}
        for words in BUYING:
            answer, errors = start(*words, "--json", **env).communicate(timeout=60)
            assert answer, errors
            ids.append(json.loads(answer)["id"])
        provider.end()

    assert ids[0] < ids[2] < 2**53
    assert ids[1] < ids[3] < 2**53


@pytest.fixture
def renting(provider: Provider, start: Start) -> Callable[..., subprocess.Popen[str]]:
    """A purchase that has reached the provider and waits for its answer."""

    def begin(fault: Fault, *words: str) -> subprocess.Popen[str]:
        provider.script(fault)
        env = {"GETATEXT_BASE_URL": provider.url, "GETATEXT_API_KEY": DEMO_KEY}
        process = start("rent", "--yes", "whatsapp", *words, **env)
        wait_for(lambda: provider.asked("rent-a-number") == 1)
        return process

    return begin


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_a_purchase_still_shows_what_was_bought(
    number: signal.Signals, renting: Callable[..., subprocess.Popen[str]], provider: Provider
) -> None:
    process = renting(Fault("rent-a-number", FaultKind.SLOW, seconds=3600), "--json")
    process.send_signal(number)
    told = read_until(process.stderr, "gives it up")
    provider.release()
    answer, rest = process.communicate(timeout=60)
    errors = told + rest

    assert process.returncode == 130
    assert json.loads(answer)["status"] == "active"
    assert errors == "Waiting for the provider's answer. Ctrl-C again gives it up.\n"


def test_giving_a_purchase_up_says_that_its_outcome_is_unknown(
    renting: Callable[..., subprocess.Popen[str]],
) -> None:
    process = renting(Fault("rent-a-number", FaultKind.HANG))
    process.send_signal(signal.SIGINT)
    read_until(process.stderr, "gives it up")
    process.send_signal(signal.SIGINT)
    answer, errors = process.communicate(timeout=60)

    assert (process.returncode, answer) == (3, "")
    assert errors.startswith("outcome_unknown: ")


def test_a_purchase_at_a_gateway_is_interrupted_like_one_of_ones_own(
    elsewhere: Elsewhere, start: Start
) -> None:
    at_gateway = {"GATEWAY_URL": elsewhere.there, "GETATEXT_API_KEY": DEMO_KEY}
    elsewhere.script(Fault("rent-a-number", FaultKind.SLOW, seconds=3600, times=2))
    words = ("rent", "whatsapp", "--max-price", "1", "--json")
    waiting, given_up = [start(*words, **at_gateway) for _ in range(2)]
    wait_for(lambda: elsewhere.asked("rent-a-number") == 2)
    told = []
    for process in (waiting, given_up):
        process.send_signal(signal.SIGINT)
        told.append(read_until(process.stderr, "gives it up"))
    given_up.send_signal(signal.SIGINT)
    nothing, problem = given_up.communicate(timeout=60)
    elsewhere.release()
    answer, rest = waiting.communicate(timeout=60)
    request_id = re.findall("cli-[0-9a-f]+", problem)[0]
    found, _ = start(*words, "--request-id", request_id, **at_gateway).communicate(timeout=60)

    assert told == ["Waiting for the gateway's answer. Ctrl-C again gives it up.\n"] * 2
    assert (waiting.returncode, rest) == (130, "")
    assert (given_up.returncode, nothing) == (3, "")
    assert json.loads(problem)["code"] == "outcome_unknown"
    bought = {json.loads(each)["id"] for each in (answer, found)}
    assert bought == set(elsewhere.simulator.books.rentals)


LOADED = """
import sys
from gateway.cli.main import cli
for words in {calls}:
    try:
        cli(words, prog_name="getatext-gateway")
    except SystemExit as end:
        assert not end.code, words
print(*(name for name in {foreign} if name in sys.modules), file=sys.stderr)
"""
SDK = ("mcp", "mcp_types")
HEAVY = ("sqlalchemy", "alembic", "aiosqlite", "sqlite3", "asyncpg", "uvloop", "aiohttp.web")
OF_A_GATEWAY = ("adapters.store", "adapters.getatext", "gateway.wiring.gateway", "structlog")


@pytest.mark.parametrize("there", [False, True], ids=["here", "elsewhere"])
def test_a_command_loads_what_it_needs(there: bool, elsewhere: Elsewhere, tmp_path: Path) -> None:
    reads = [["balance", "--json"], ["prices", "whatsapp", "--json"]]
    foreign: tuple[str, ...] = SDK
    calls = [*reads, ["keys", "list", "--json"], ["ledger", "list", "--json"]]
    env = {
        "GETATEXT_API_KEY": DEMO_KEY,
        "GETATEXT_BASE_URL": elsewhere.url,
        "GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path}/gateway.db",
    }
    if there:
        foreign, calls = (*SDK, *HEAVY, *OF_A_GATEWAY), reads
        env = {"GETATEXT_API_KEY": DEMO_KEY, "GATEWAY_URL": elsewhere.there}
    code = LOADED.format(calls=calls, foreign=foreign)
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert len(done.stdout.splitlines()) == len(calls)
    assert done.stderr == "\n"


def test_interrupting_a_question_ends_it_without_a_word(provider: Provider, start: Start) -> None:
    provider.script(Fault("balance", FaultKind.HANG))
    process = start("balance", GETATEXT_BASE_URL=provider.url, GETATEXT_API_KEY=DEMO_KEY)
    wait_for(lambda: provider.asked("balance") == 1)
    process.send_signal(signal.SIGINT)
    answer, errors = process.communicate(timeout=60)

    assert (process.returncode, answer, errors) == (130, "", "")


def test_a_reader_of_csv_that_has_enough_ends_it_without_a_word(
    provider: Provider, start: Start, tmp_path: Path
) -> None:
    env = {
        "GETATEXT_BASE_URL": provider.url,
        "GETATEXT_API_KEY": DEMO_KEY,
        "GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path / 'gateway.db'}",
    }
    rented = start("rent", "--yes", "whatsapp", **env)
    assert rented.wait(60) == 0
    process = start("rentals", "--csv", **env)
    assert process.stdout
    assert process.stdout.readline().startswith("id,ledger_id,")
    process.stdout.close()

    assert process.wait(60) == 1
    assert process.stderr
    assert process.stderr.read() == ""


BOUGHT = (
    "It was bought, but its answer cannot be written. Look at it with `getatext-gateway rentals`"
)


@pytest.mark.parametrize("words", [["usage", "--csv"], ["balance"]], ids=" ".join)
def test_a_full_disk_ends_a_command_with_words(
    words: list[str], provider: Provider, tmp_path: Path
) -> None:
    env = {
        **os.environ,
        "GETATEXT_BASE_URL": provider.url,
        "GETATEXT_API_KEY": DEMO_KEY,
        "GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path / 'gateway.db'}",
    }
    command = [sys.executable, "-m", "gateway", *words]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, check=False, env=env, stdout=full, stderr=subprocess.PIPE, timeout=60
        )

    assert done.returncode == 1
    assert done.stderr.decode() == "Error: The output cannot be written: No space left on device.\n"
