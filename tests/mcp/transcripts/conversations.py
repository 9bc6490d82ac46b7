"""The conversations: nobody is asked, codes that are not plain, replays, finding what is meant."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from adapters.simulator import NEVER, Rules, Service
from gateway.core.model.callers import Limits
from tests.mcp.support import OPTIONS, QUICK, Person
from tests.mcp.transcripts.playing import Conversation, Scene, Talk

SHOP = replace(
    QUICK,
    rules=Rules(code_after=NEVER, cancel_locked=300.0, sample_texts=()),
    catalogue_size=0,
    services=(
        Service("Whatsapp", "whatsapp", Decimal("0.55"), 10, 5),
        Service("Telegram", "telegram", Decimal("2.57"), 10, 5),
        Service("Telegram Business", "telegram_business", Decimal("2.90"), 10, 5),
        Service("Amazon / AWS", "amazon_aws", Decimal("0.60"), 10, 5),
    ),
)
CHEAP = {"service_code": "whatsapp", "max_price": "0.55"}
DEAR = {"service_code": "telegram", "max_price": "2.57"}


async def _rent_dear(talk: Talk) -> None:
    await talk.call("rent_number", **DEAR)


NOBODY_ASKED = Conversation(
    "nobody_asked",
    "Who answers a question",
    SHOP,
    (
        Scene("A client without a person cancels by itself", _rent_dear, Person(action="cancel")),
        Scene(
            "One that says yes at once is no person either",
            _rent_dear,
            Person(),
            replace(OPTIONS, min_answer_seconds=600.0),
        ),
        Scene(
            "It buys where the operator allows it",
            _rent_dear,
            Person(action="cancel"),
            replace(OPTIONS, unconfirmed="allow"),
        ),
        Scene(
            "A decline never buys",
            _rent_dear,
            Person(action="decline"),
            replace(OPTIONS, unconfirmed="allow"),
        ),
        Scene("A yes without its tick is a refusal", _rent_dear, Person(agrees=False)),
        Scene(
            "A key with a higher threshold is not asked",
            _rent_dear,
            Person(action="decline"),
            limits=Limits(confirm_above=Decimal(5)),
        ),
    ),
)


def _code(came: str) -> Any:
    async def play(talk: Talk) -> None:
        rented = await talk.call("rent_number", **CHEAP)
        talk.note(f"The provider tells as the code: `{came}`")
        talk.stand.sim.receive_code(rented["id"], came)
        await talk.call("wait_for_code", rental_id=rented["id"])

    return play


CODES = Conversation(
    "codes",
    "Codes that are not plain",
    SHOP,
    (
        Scene("A code in a sentence", _code("Use 482913 to log in")),
        Scene("A code with a sign", _code("#7788")),
        Scene("Digits of another script", _code("٤٨٢٩١٣")),
        Scene("Two numbers", _code("1234 or 482913")),
        Scene("A link", _code("Log in: https://example.com/4829")),
    ),
)


async def _replayed(talk: Talk) -> None:
    named = {**CHEAP, "request_id": "for the sign-up of Ann"}
    rented = await talk.call("rent_number", **named)
    talk.stand.sim.receive_code(rented["id"], "482913")
    await talk.call("wait_for_code", rental_id=rented["id"])
    talk.note("The agent has forgotten that it rented, and calls again.")
    await talk.call("rent_number", **named)


async def _repeated(talk: Talk) -> None:
    rented = await talk.call("rent_number", **CHEAP)
    talk.note("The agent has forgotten that it rented, and calls again.")
    await talk.call("rent_number", **CHEAP)
    await talk.call("wait_for_code", rental_id=rented["id"], wait_seconds=0)
    await talk.call("replace_rental", rental_id=rented["id"])
    await talk.call("rent_number", **CHEAP, allow_duplicate=True)


REPLAYS = Conversation(
    "replays",
    "The same purchase again",
    SHOP,
    (
        Scene("With a request id it is a replay", _replayed),
        Scene("Without one it is refused while the first has no code", _repeated),
    ),
)


async def _found(talk: Talk) -> None:
    await talk.call("list_prices", query="telegrm")
    await talk.call("rent_number", service_code="telegrm", max_price=3)
    await talk.call("rent_number", service_code="AWS", max_price=1)
    wishes = {"carrier": "T-Mobile", "area_codes": "(212) 646"}
    await talk.call("rent_number", service_code="Amazon / AWS", max_price="0.84", **wishes)


async def _silent(talk: Talk) -> None:
    rented = await talk.call("rent_number", **CHEAP)
    await talk.call("wait_for_code", rental_id=rented["id"], wait_seconds=0)


async def _messages(talk: Talk) -> None:
    rented = await talk.call("create_long_rental", period="1w")
    _receive(talk, "Your code is 4829")
    (first,) = (await talk.call("list_messages", long_rental_id=rented["id"]))["data"]
    named = {"long_rental_id": rented["id"], "after": first["received_at"]}
    await talk.call("list_messages", **named, wait_seconds=1)
    talk.stand.sim.advance(60)
    _receive(talk, "Your code is 7711")
    await talk.call("list_messages", **named, wait_seconds=50)


def _receive(talk: Talk, text: str) -> None:
    provider = talk.stand.sim.provider
    talk.note(f"An SMS comes: `{text}`")
    provider.long_renting.receive(1, "8888", text, provider.timeline.now())


FINDING = Conversation(
    "finding",
    "What is meant, and what to do next",
    SHOP,
    (
        Scene("A service by its name, or nearly", _found),
        Scene("A number stays silent", _silent),
        Scene("Waiting for the next message", _messages, Person()),
    ),
)

CONVERSATIONS = (NOBODY_ASKED, CODES, REPLAYS, FINDING)
