"""Which accounts' balances are low, so that each fall below the line is told once by all nodes."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, cast, select

from adapters.store.sql import codec
from adapters.store.sql.database import AlarmReports, Database
from adapters.store.sql.schema import checks
from adapters.store.sql.statement import Statement, Tx, Upsert, number, text
from adapters.store.tables import events
from gateway.core.model.events import Alarm, EventDetails, EventType

_standing = cast(checks.c.value, BigInteger)


# A mark is the instant of the last turn, negative where the balance fell. Only what was asked for
# after a turn can tell the next one.
_TURN = Upsert(
    checks,
    {"name": text("name"), "value": text("value")},
    lambda new: new.on_conflict_do_update(
        index_elements=[checks.c.name],
        set_={"value": new.excluded.value},
        where=_standing.between(number("lowest"), number("highest")),
    ),
)
_STANDING = Statement(select(checks.c.value).where(checks.c.name == text("name")))


class StoredBalances:
    """The core's port `Balances`, over a database."""

    def __init__(self, database: Database, alarms: AlarmReports) -> None:
        """`alarms` are told once they are written."""
        self._database = database
        self._alarms = alarms

    async def judge(
        self,
        account_id: str,
        balance: Decimal,
        threshold: Decimal,
        *,
        asked_at: datetime,
        at: datetime,
    ) -> bool:
        """Note a balance; returns whether it is low, as far as is known."""
        details = EventDetails(balance=balance, threshold=threshold)
        alarm = Alarm(EventType.BALANCE_LOW, account_id, None, details)
        asked, now = codec.to_instant(asked_at), codec.to_instant(at)
        low = balance < threshold
        turned = await self._database.write(lambda tx: _judge(tx, alarm, low, asked, now))
        if turned and low:
            self._alarms.tell([alarm])
        return low if turned else await self._is_low(account_id)

    async def _is_low(self, account_id: str) -> bool:
        name = _name(account_id)
        row = await self._database.read(lambda tx: tx.row(_STANDING, name=name))
        return row is not None and int(row["value"]) < 0


async def _judge(tx: Tx, alarm: Alarm, low: bool, asked: int, at: int) -> bool:
    """Turn the account's mark where that is news, and tell of a fall."""
    value, lowest, highest = (-at, 0, asked) if low else (at, -asked, -1)
    name = _name(alarm.account_id)
    turned = await tx.execute(_TURN, name=name, value=str(value), lowest=lowest, highest=highest)
    if turned and low:
        await events.raise_alarm(tx, alarm, at)
    return turned == 1


def _name(account_id: str) -> str:
    return f"balance:{account_id}"
