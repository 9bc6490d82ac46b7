"""What each family of commands shows at terminals of 80 and of 60 columns, as text files.

Python -m tests.cli.terminal_snapshots --write writes them anew: read the difference then.
"""

import asyncio
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr

from adapters.simulator import DEMO_KEY, Limits, Rules, Service, Simulator, SimulatorConfig
from gateway.core.model.callers import GatewayKey
from gateway.core.model.callers import Limits as KeyLimits
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.model.values import first_ledger_id
from gateway.core.ports.ledger import Ledger
from gateway.settings import Settings
from gateway.telemetry import logs
from gateway.wiring import open_gateway
from tests.support.ledger import NOW, UNKNOWN, buy, end, rental
from tests.support.terminal import at_terminal

FOLDER = Path(__file__).with_name("snapshots")
WIDTHS = (80, 60)
FIRST = 1795494955310
RENTED = 1795494955400

# Each command of a family in turn. {id}: the rental bought in these; {long}: the long rental;
# {begun}: how all ledger ids begin.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "help": ("--help", "rent --help", "keys create --help", "ledger --help"),
    "prices": ("prices apple", "prices whatsapp --wide", "prices nothing-like-it"),
    "rentals": ("rentals", "rentals --wide --limit 1", "rentals --status completed"),
    "events": ("events", "events --limit 1 --wide"),
    "usage": ("usage", "usage --by key"),
    "keys": ("keys list", "keys list --all", "keys list --all --wide", "keys revoke 3f2a"),
    "ledger": ("ledger list", "ledger list --unknown", "ledger resolve {begun} --not-charged"),
    "services": ("services",),
    "errors": (
        "rent nothing-like-it --yes",
        "rent whatsapp --yes --max-price 0.01",
        "rent whatsapp",
        "status twelve",
        "rnet",
    ),
    "rent": ("rent whatsapp --yes --reference order-1", "status {id}", "wait {id}"),
    "long": ("long create 1w --yes", "long list", "long messages {long}"),
    "balance": ("balance",),
}
# Of a ledger in which nothing is yet.
EMPTY = ("rentals", "events", "usage", "keys list", "ledger list", "ledger list --unknown")
# Of an operator, with settings of all kinds and a database that is away.
OPERATING = ("config show", "doctor", "backup ledger.tar.gz", "restore ledger.tar.gz")
OPERATED = {
    "GATEWAY_DATABASE_URL": "postgresql://joe:secret@127.0.0.1:1/ledger",
    "GATEWAY_SECRET": "secret",
    "GATEWAY_PORT": "0",
    "GATEWAY_PUBLIC_URL": "https://sms.example.com/getatext",
    "GATEWAY_ALLOWED_HOSTS": '["gateway.example.com", "gateway:8080", "10.1.2.3"]',
    "GATEWAY_RETENTION_DAY": "7",
}

# What differs each time, and what stands for it in the same width.
MASKS = (
    (r"\b\d\d others have", lambda found: "00 others have"),
    (r"\bUTC-0[45]:00", lambda found: "UTC-00:00"),
    (r"127\.0\.0\.1:\d{5}\b", lambda found: "127.0.0.1:00000"),
    (r"\b[0-9a-f]{25}\b", lambda found: "LEDGER_ID".ljust(25, ".")),
    (r"\bgtw_[\w-]{32}\b", lambda found: "gtw_".ljust(36, ".")),
    (r"20\d\d-\d\d-\d\d( \d\d:\d\d:\d\d)?", lambda found: re.sub(r"\d", "0", found[0])),
    (r"\b\d\d-\d\d \d\d:\d\d\b", lambda found: "00-00 00:00"),
    (r"\b\d{6}\b", lambda found: "000000"),
    (r"(?s)\S Waiting for the code to.*stop\.\s*", lambda found: ""),  # drawn again each moment
)


def taken(folder: Path) -> Iterator[tuple[str, str]]:
    """The name and the text of each snapshot; `folder` is for the ledgers."""
    for columns in WIDTHS:
        with _stand(folder / str(columns)) as env:
            for family, commands in FAMILIES.items():
                yield f"{family}.{columns}.txt", _shown(commands, env, columns)
            nothing = {**env, "GATEWAY_DATABASE_URL": f"sqlite:///{folder}/{columns}/empty.db"}
            yield f"empty.{columns}.txt", _shown(EMPTY, nothing, columns)
            yield f"operating.{columns}.txt", _shown(OPERATING, {**env, **OPERATED}, columns)


def _shown(commands: tuple[str, ...], env: Mapping[str, str], columns: int) -> str:
    ids = {"id": str(RENTED), "long": "1", "begun": first_ledger_id(NOW)[:8]}
    texts = []
    for command in (each.format(**ids) for each in commands):
        answers = [("Buy it? [y/N]: ", "n\n")] if command == "rent whatsapp" else []
        shown = at_terminal(*command.split(), env=env, columns=columns, typed=answers)
        texts.append(f"$ getatext-gateway {command}\n{shown.text}[{shown.exit_code}]\n")
    text = "\n".join(texts)
    for pattern, mask in MASKS:
        text = re.sub(pattern, mask, text)
    return "\n".join(line.rstrip() for line in text.split("\n"))


@contextmanager
def _stand(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of commands on a ledger with something of everything."""
    from tests.cli.conftest import living  # not by the processes that are forked

    folder.mkdir(parents=True)
    config = SimulatorConfig(
        rules=Rules(code_after=0.0, cancel_locked=0.0, sample_texts=()),
        limits=Limits(on=False),
        services=(Service("Whatsapp", "whatsapp", Decimal("0.55"), 5, stock=120),),
        first_rental_id=RENTED,
    )
    url = f"sqlite:///{folder / 'gateway.db'}"
    with living(Simulator(config).running()) as (provider, _):
        asyncio.run(_fill(provider.url, url))
        yield {
            "GETATEXT_BASE_URL": provider.url,
            "GETATEXT_API_KEY": DEMO_KEY,
            "GATEWAY_DATABASE_URL": url,
            "XDG_DATA_HOME": str(folder),
        }


async def _fill(provider: str, url: str) -> None:
    settings = Settings(
        getatext_base_url=provider,  # type: ignore[arg-type]  # pydantic reads it
        getatext_api_key=SecretStr(DEMO_KEY),
        gateway_database_url=url,
    )
    async with open_gateway(settings, follow=False) as gateway:
        for key in KEYS:
            await gateway.keys.create(replace(key, hashed=gateway.hasher.name(key.id)))
        await gateway.keys.revoke("c0ffee00", NOW)
        caller = await gateway.callers.identify(DEMO_KEY)
        await _buy_all(gateway.ledger, caller.account.id, caller.id)


KEYS = (
    GatewayKey("3f2a9c01", "n8n", "", KeyLimits(budget_day=Decimal(5)), NOW),
    GatewayKey("3f2ab77e", "the shop's bot", "", KeyLimits(budget_total=Decimal(250)), NOW),
    GatewayKey("c0ffee00", "old", "", KeyLimits(), NOW),
    GatewayKey("d15ea5e0", "ends soon", "", KeyLimits(read_only=True, expires_at=NOW), NOW),
)
RENTALS = (
    rental(FIRST, number="+12125550101", status=RentalStatus.CODE_RECEIVED, code="596853"),
    rental(FIRST + 1, number="+16465550102", service_code="googlevoice", status="cancelled"),
    rental(FIRST + 2, number="+17185550103", service_code="telegram", status="expired"),
    rental(FIRST + 3, number="+12125550104", reference="order 4711 of a customer"),
    rental(FIRST + 4, number="+12125550105"),
    rental(FIRST + 5, number="+12125550106", status="cancelled"),
    rental(FIRST + 6, number="+12125550107", status=RentalStatus.CODE_RECEIVED, code="012345"),
)


async def _buy_all(ledger: Ledger, account: str, caller: str) -> None:
    for number, made in enumerate(RENTALS):
        at = NOW + timedelta(minutes=number)
        of = {"account_id": account, "caller_id": caller if number % 2 else "gtw_3f2a9c01"}
        begun = made.model_copy(update={"status": RentalStatus.ACTIVE, "code": None})
        named = {"service_code": made.service_code, "reference": made.reference}
        await buy(ledger, begun, at=at, **of, **named)
        if made != begun:
            await ledger.record(account, _known(made), at + timedelta(seconds=9))
    await end(ledger, UNKNOWN, NOW, account_id=account, caller_id=caller)


def _known(made: Rental) -> Rental:
    code_at = NOW + timedelta(seconds=9) if made.code else None
    return made.model_copy(update={"code_received_at": code_at})


def main() -> None:
    """Write all snapshots, or say what this does."""
    if sys.argv[1:] != ["--write"]:
        raise SystemExit(__doc__)
    logs.configure("console", "error")
    for old in FOLDER.glob("*.txt"):
        old.unlink()
    with TemporaryDirectory() as folder:
        for name, text in taken(Path(folder)):
            (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
