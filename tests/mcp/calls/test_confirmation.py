"""Who confirms a purchase: a person, or nobody where a client answers by itself."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from mcp import Client, StdioServerParameters
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ElicitRequestParams,
    ElicitResult,
    ErrorData,
    InputRequiredResult,
)
from pydantic import SecretStr

from adapters.simulator import DEMO_KEY, AccountConfig, Service
from gateway.core.model.callers import Limits
from gateway.wiring import open_gateway
from mcp_server.calls.confirmation import Answered, Questions, Verdict
from mcp_server.options import McpOptions
from tests.mcp.relay.support import call, relayed
from tests.mcp.support import (
    ERAS,
    LEGACY,
    MODERN,
    OPTIONS,
    QUICK,
    Person,
    SimulatedStand,
    bought,
    connected,
    done,
    own_settings,
    refused,
    run_mcp,
    text_of,
)
from tests.support.gateway import listening
from tests.support.keys import make_key
from tests.support.waiting import until

ROOT = Path(__file__).absolute().parents[3]
MARKET = replace(
    QUICK,
    catalogue_size=0,
    services=(
        Service("Cheap Mail", "cheapmail", Decimal("0.30"), 10, 50),
        Service("Mail", "mail", Decimal("1.50"), 10, 50),
    ),
    accounts=(AccountConfig(), AccountConfig("sk_own")),
)
DEAR = {"service_code": "mail", "max_price": "2.00"}
CHEAP = {"service_code": "cheapmail", "max_price": "0.50"}
QUICKLY = replace(OPTIONS, min_answer_seconds=3600.0)  # whoever answers, answers too quickly
YES = ElicitResult(action="accept", content={"confirm": True})
each_era = pytest.mark.parametrize("era", ERAS)


@dataclass
class Headless:
    """A client that answers by itself."""

    answers: ElicitResult | ErrorData

    async def answer(self, context: Any, params: ElicitRequestParams) -> Any:
        return self.answers


CANCELS = (OPTIONS, ElicitResult(action="cancel"))
AGREES_AT_ONCE = (QUICKLY, YES)
NOBODY = pytest.mark.parametrize(
    ("options", "answer"), [CANCELS, AGREES_AT_ONCE], ids=["cancel", "a yes at once"]
)


async def rent(stand: SimulatedStand, era: str, answer: ElicitResult | ErrorData) -> str:
    person = cast(Person, Headless(answer))
    async with connected(stand.mcp, era, person=person) as client:
        result = await client.call_tool("rent_number", DEAR)
    return text_of(result)


@each_era
@NOBODY
async def test_where_nobody_was_asked_it_is_refused_with_price_and_command(
    era: str, options: McpOptions, answer: ElicitResult
) -> None:
    async with run_mcp(MARKET, options) as stand:
        sentence = await rent(stand, era, answer)

        assert bought(stand) == 0

    assert sentence == (
        "confirmation_required: A person has to confirm a purchase at 1.50 USD, and nobody could "
        "be asked: this client cannot ask, or answered by itself. Nothing was charged. The user "
        "can set GATEWAY_MCP_CONFIRM_ABOVE=1.50 for this MCP server, or use a key made with "
        "`getatext-gateway keys create --confirm-above 1.50`. Or choose what costs less."
    )


@each_era
@NOBODY
async def test_where_nobody_was_asked_the_setting_may_allow_it(
    era: str, options: McpOptions, answer: ElicitResult
) -> None:
    async with run_mcp(MARKET, replace(options, unconfirmed="allow")) as stand:
        await rent(stand, era, answer)

        assert bought(stand) == 1


async def test_a_client_that_fails_to_ask_has_asked_nobody() -> None:
    failed = ErrorData(code=-32603, message="no terminal")
    async with run_mcp(MARKET) as stand:
        assert (await rent(stand, LEGACY, failed)).startswith("confirmation_required: ")
        assert bought(stand) == 0
    async with run_mcp(MARKET, replace(OPTIONS, unconfirmed="allow")) as stand:
        await rent(stand, LEGACY, failed)

        assert bought(stand) == 1


@each_era
@pytest.mark.parametrize("options", [OPTIONS, QUICKLY], ids=["in time", "at once"])
async def test_a_decline_never_buys_and_says_that_it_may_be_the_clients_own(
    era: str, options: McpOptions
) -> None:
    async with run_mcp(MARKET, replace(options, unconfirmed="allow")) as stand:
        sentence = await rent(stand, era, ElicitResult(action="decline"))

        assert bought(stand) == 0

    assert sentence.startswith(
        "not_confirmed: The purchase at 1.50 USD was declined: by the user, or by the client "
        "itself without asking anybody. Nothing was charged. Do not repeat it unless the user "
        "asks for it."
    )
    assert "keys create --confirm-above 1.50`" in sentence


@each_era
@pytest.mark.parametrize("content", [{}, {"confirm": False}, None], ids=str)
async def test_a_yes_without_its_content_is_a_refusal_however_quick(era: str, content: Any) -> None:
    async with run_mcp(MARKET, replace(QUICKLY, unconfirmed="allow")) as stand:
        sentence = await rent(stand, era, ElicitResult(action="accept", content=content))

        assert bought(stand) == 0

    assert sentence.startswith("not_confirmed: The person who was asked did not confirm")


@each_era
async def test_a_price_nobody_knows_before_names_what_allows_it(era: str) -> None:
    async with run_mcp(MARKET) as stand, connected(stand.mcp, era) as client:
        sentence = await refused(client, "create_long_rental", {"period": "1w"})

    assert sentence.startswith("confirmation_required: A person has to confirm a purchase at a ")
    assert "GATEWAY_MCP_UNCONFIRMED=allow" in sentence


@each_era
async def test_nobody_is_asked_about_what_would_be_refused(era: str) -> None:
    person = Person()
    poor = Limits(budget_total=Decimal("1.40"))
    async with (
        run_mcp(MARKET, limits=poor) as stand,
        connected(stand.mcp, era, person=person) as client,
    ):
        sentence = await refused(client, "rent_number", DEAR)

    assert sentence.startswith("budget_exceeded: ")
    assert person.asked == []


@pytest.mark.parametrize(
    ("era", "action", "unconfirmed"),
    [(LEGACY, "cancel", "allow"), (MODERN, "accept", "refuse")],
)
async def test_the_command_asks_so_on_standard_input_and_output(
    tmp_path: Path, era: str, action: str, unconfirmed: str
) -> None:
    person = Person(action=action, thinks=1.0)  # longer than a client that answers by itself
    async with run_mcp(MARKET) as stand:
        program = StdioServerParameters(
            command=sys.executable,
            args=["-m", "gateway", "mcp"],
            cwd=ROOT,
            env={
                "GETATEXT_BASE_URL": stand.sim.url,
                "GETATEXT_API_KEY": DEMO_KEY,
                "GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path}/gateway.db",
                "GATEWAY_MCP_UNCONFIRMED": unconfirmed,
            },
        )
        async with Client(program, mode=era, elicitation_callback=person.answer) as client:
            await done(client, "rent_number", DEAR)

        assert len(person.asked) == 1
        assert bought(stand) == 1


@asynccontextmanager
async def agent(folder: Path, **limits: Any) -> AsyncIterator[tuple[SimulatedStand, Client]]:
    """Who has a gateway key, and cannot ask a person; before the gateway as it is wired."""
    async with run_mcp(MARKET) as outer:
        settings = own_settings(outer.sim.url, str(folder)).model_copy(
            update={"getatext_api_key": SecretStr("sk_own")}
        )
        async with open_gateway(settings) as gateway, listening(gateway.app()) as url:
            granted = Limits(budget_day=Decimal(50), **limits)
            key = await make_key(gateway, "agent", granted)
            async with connected(f"{url}/mcp", MODERN, key=key) as client:
                yield SimulatedStand(gateway, url, outer.sim), client


async def test_the_threshold_is_the_keys_own(tmp_path: Path) -> None:
    async with agent(tmp_path, confirm_above=Decimal("1.50")) as (stand, client):
        rental = await done(client, "rent_number", DEAR)
        (asked,) = (one for one in stand.sim.journal.received if one.call == "rent-a-number")

    assert rental["price"] == "1.50"
    assert cast(dict[str, Any], asked.json)["max_price"] == 1.5


@pytest.mark.parametrize(
    ("limits", "given", "price"),
    [({"confirm_above": Decimal("0.20")}, CHEAP, "0.30"), ({}, DEAR, "1.50")],
    ids=["of the key", "of the setting"],
)
async def test_a_refusal_names_the_command_that_makes_a_key(
    tmp_path: Path, limits: dict[str, Any], given: dict[str, Any], price: str
) -> None:
    async with agent(tmp_path, **limits) as (stand, client):
        sentence = await refused(client, "rent_number", given)

        assert bought(stand, "sk_own") == 0

    assert f"confirm a purchase at {price} USD" in sentence
    assert (
        "Who runs the gateway can make another key: "
        f"`getatext-gateway keys create --confirm-above {price}`." in sentence
    )


class Clock:
    """The wall clock, held."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def ask(questions: Questions) -> str:
    """Puts a question; its state, which the server seals."""
    modern = cast(Any, SimpleNamespace(protocol_version=MODERN))
    question = await questions.ask(modern, "Buy?")
    assert isinstance(question, InputRequiredResult)
    return question.request_state or ""


def verdict(questions: Questions, state: str, question: str = "Buy?") -> Answered | None:
    params = CallToolRequestParams(
        name="rent_number", input_responses={"purchase": YES}, request_state=state
    )
    return questions.answered(params, question)


def verdict_of(questions: Questions, state: str) -> Verdict:
    answered = verdict(questions, state)
    assert answered is not None
    return answered.verdict


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.31, Verdict.CONFIRMED),
        (599.0, Verdict.CONFIRMED),
        (0.29, Verdict.NOBODY),
        (0.0, Verdict.NOBODY),
        (-5.0, Verdict.NOBODY),
    ],
)
async def test_a_yes_counts_as_a_persons_by_the_time_that_it_took(
    seconds: float, expected: Verdict
) -> None:
    clock = Clock()
    asking, answering = (Questions(McpOptions().min_answer_seconds, clock) for _ in range(2))
    state = await ask(asking)
    clock.now += seconds

    assert verdict_of(answering, state) is expected


async def test_a_quick_yes_is_none_when_it_is_sent_again_later() -> None:
    clock = Clock()
    questions = Questions(0.3, clock)
    first, second = await ask(questions), await ask(questions)
    at_once = verdict_of(questions, first)
    clock.now += 60

    assert (at_once, verdict_of(questions, first)) == (Verdict.NOBODY, Verdict.NOBODY)
    assert verdict_of(questions, second) is Verdict.CONFIRMED


async def test_what_an_earlier_version_asked_or_what_costs_otherwise_now_is_asked_anew() -> None:
    questions = Questions(0.0)
    state = await ask(questions)
    earlier = {name: value for name, value in json.loads(state).items() if name != "asked_at"}

    assert verdict(questions, json.dumps(earlier)) is None
    assert verdict(questions, state, "Buy it for more?") is None


async def test_a_quick_yes_that_the_setting_allows_buys_once_however_often_it_comes() -> None:
    async with (
        run_mcp(MARKET, replace(QUICKLY, unconfirmed="allow")) as stand,
        connected(stand.mcp, MODERN, person=Person()) as client,
    ):
        question = await client.session.call_tool("rent_number", DEAR, allow_input_required=True)
        assert isinstance(question, InputRequiredResult)
        results = [
            await client.session.call_tool(
                "rent_number",
                DEAR,
                input_responses={"purchase": YES},
                request_state=question.request_state,
                allow_input_required=True,
            )
            for _ in range(2)
        ]

        assert bought(stand) == 1

    first, again = (cast(CallToolResult, each).structured_content for each in results)
    assert first["id"] == again["id"]
    assert (first.get("replayed"), again["replayed"]) == (None, True)


async def question_of(client: Client) -> dict[str, Any]:
    """What a client sends with its answer to the question about a purchase."""
    question = await client.session.call_tool("rent_number", DEAR, allow_input_required=True)
    assert isinstance(question, InputRequiredResult)
    return {"request_state": question.request_state, "allow_input_required": True}


async def answer(client: Client, question: dict[str, Any], said: ElicitResult) -> CallToolResult:
    result = await client.session.call_tool(
        "rent_number", DEAR, input_responses={"purchase": said}, **question
    )
    assert isinstance(result, CallToolResult)
    return result


def reprice(stand: SimulatedStand, price: str) -> None:
    catalogue = stand.sim.provider.catalogue
    catalogue.put(replace(catalogue.find("mail"), price=Decimal(price)))
    stand.gateway.core.services.price_cache._lists.clear()


@pytest.mark.parametrize("price", ["0.90", "1.70"], ids=["asks nobody now", "is asked about now"])
@pytest.mark.parametrize("has_code", [False, True])
async def test_a_confirmed_purchase_sent_again_is_the_first_whatever_it_would_cost_now(
    price: str, has_code: bool
) -> None:
    async with (
        run_mcp(MARKET) as stand,
        connected(stand.mcp, MODERN, person=Person()) as client,
    ):
        question = await question_of(client)
        first = (await answer(client, question, YES)).structured_content or {}
        if has_code:
            await done(client, "wait_for_code", {"rental_id": first["id"]})
        reprice(stand, price)
        again = (await answer(client, question, YES)).structured_content or {}

        assert (again["replayed"], again["id"]) == (True, first["id"])
        assert bought(stand) == 1


async def test_an_answer_buys_once_although_the_price_needs_none_any_more() -> None:
    async with (
        run_mcp(MARKET) as stand,
        connected(stand.mcp, MODERN, person=Person()) as client,
    ):
        question = await question_of(client)
        reprice(stand, "0.90")
        first = (await answer(client, question, YES)).structured_content or {}
        await done(client, "wait_for_code", {"rental_id": first["id"]})
        again = (await answer(client, question, YES)).structured_content or {}

        assert (again["replayed"], again["id"]) == (True, first["id"])
        assert bought(stand) == 1


@pytest.mark.parametrize(
    "no", [ElicitResult(action="decline"), ElicitResult(action="accept", content={})], ids=str
)
async def test_a_no_holds_although_the_price_has_come_below_the_threshold(
    no: ElicitResult,
) -> None:
    async with (
        run_mcp(MARKET) as stand,
        connected(stand.mcp, MODERN, person=Person()) as client,
    ):
        question = await question_of(client)
        reprice(stand, "0.90")
        refusals = [text_of(await answer(client, question, said)) for said in (no, YES)]

        assert bought(stand) == 0

    assert all(refusal.startswith("not_confirmed: ") for refusal in refusals)
    assert "Nothing was charged." in refusals[0]


UNREADABLE = [{}, {"action": "maybe"}, {"action": "decline", "content": [1]}]


@pytest.mark.parametrize("answer", UNREADABLE, ids=str)
async def test_an_answer_of_no_form_buys_nothing_and_says_so(answer: Any) -> None:
    async with (
        run_mcp(MARKET, replace(OPTIONS, unconfirmed="allow")) as stand,
        relayed(stand.url) as talk,
    ):
        await talk.begun(elicitation={})
        talk.say(call(1, "rent_number", DEAR))
        await until(lambda: talk.requests("elicitation/create"))
        (question,) = talk.requests("elicitation/create")
        talk.say({"jsonrpc": "2.0", "id": question["id"], "result": answer})
        await until(lambda: talk.answers(1))

        assert bought(stand) == 0

    (refusal,) = talk.answers(1)
    sentence = refusal["result"]["content"][0]["text"]
    assert sentence.startswith("not_confirmed: ")
    assert "Nothing was charged." in sentence


@each_era
async def test_what_takes_no_cap_is_asked_about_anew_where_its_price_rises_meanwhile(
    era: str,
) -> None:
    prices = ["1.70"]

    class Thinking(Person):
        async def answer(self, context: Any, params: ElicitRequestParams) -> ElicitResult:
            if "once more" in params.message and prices:
                reprice(stand, prices.pop())
            return await super().answer(context, params)

    person = Thinking()
    async with (
        run_mcp(MARKET) as stand,
        connected(stand.mcp, era, person=person) as client,
    ):
        first = await done(client, "rent_number", DEAR)
        await done(client, "complete_rental", {"rental_id": first["id"]})
        again = await done(client, "rent_again", {"rental_id": first["id"]})

    assert again["price"] == "1.70"
    assert ["1.50 USD" in each for each in person.asked] == [True, True, False]
    assert "It costs 1.70 USD" in person.asked[-1]
