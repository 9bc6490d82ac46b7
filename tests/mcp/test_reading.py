"""Lists, resources, prompts: short, clean, and the same by every way."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from adapters.simulator import DEMO_KEY, Fault, FaultKind
from gateway.core.model.callers import Limits
from gateway.core.operations.call import Call
from gateway.core.operations.long_rentals import CREATE_LONG_RENTAL
from tests.mcp.support import (
    ERAS,
    MODERN,
    QUICK,
    Person,
    SimulatedStand,
    apart,
    bought,
    connected,
    done,
    refused,
    run_mcp,
    text_of,
)


@pytest.fixture
async def stand() -> AsyncIterator[SimulatedStand]:
    async with run_mcp() as stand:
        yield stand


@pytest.fixture(params=ERAS)
async def client(stand: SimulatedStand, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with apart(connected(stand.mcp, request.param, person=Person())) as client:
        yield client


async def test_lists_are_short_and_say_what_they_leave_out(client: Client) -> None:
    first = await done(client, "list_prices", {"limit": 5})
    rest = await done(client, "list_prices", {"limit": "500", "cursor": first["next_cursor"]})

    assert len(first["data"]) == 5
    assert first["left_out"] == len(rest["data"])
    assert "next_cursor" not in rest
    assert "left_out" not in rest


async def test_tools_have_titles_and_hints(client: Client) -> None:
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}

    assert tools["rent_number"].title == "Rent a number"
    assert tools["rent_number"].meta == {"anthropic/alwaysLoad": True}
    assert tools["cancel_rental"].meta == {"anthropic/searchHint": "phone number refund"}


@pytest.mark.parametrize("order", ["name", "price", "stock"])
async def test_a_first_look_at_the_prices_is_small(order: str) -> None:
    async with (
        run_mcp(replace(QUICK, catalogue_size=450)) as stand,
        connected(stand.mcp, MODERN) as client,
    ):
        result = await client.call_tool("list_prices", {"sort": order})

    assert result.structured_content is not None
    assert result.structured_content["left_out"] == 435
    assert len(text_of(result).encode()) <= 2_600


async def test_the_next_page_after_a_long_reference_is_read(client: Client) -> None:
    names = ["é" * 100, "ö"]
    for name in names:
        given = {"service_code": "whatsapp", "max_price": "0.55", "reference": name}
        await done(client, "rent_number", {**given, "allow_duplicate": True})
    asked = {"group_by": "reference", "limit": 1}
    first = await done(client, "get_usage", asked)
    rest = await done(client, "get_usage", {**asked, "cursor": first["next_cursor"]})

    assert [row["group"] for row in (*first["data"], *rest["data"])] == sorted(names)
    assert "next_cursor" not in rest


async def test_a_model_may_write_null_for_what_it_leaves_out(client: Client) -> None:
    asked = {"query": None, "in_stock": None, "limit": None, "max_price": None}

    assert (await done(client, "list_prices", asked))["data"]


async def test_a_model_may_write_0_for_a_limit_it_leaves_out(client: Client) -> None:
    usual, zero = [await done(client, "list_prices", given) for given in ({}, {"limit": 0})]

    assert len(usual["data"]) == 15
    assert zero == usual


@pytest.mark.parametrize("nothing", ["", None])
async def test_a_required_price_is_not_given_by_nothing(
    client: Client, stand: SimulatedStand, nothing: str | None
) -> None:
    given = {"service_code": "whatsapp", "max_price": nothing}

    assert "max_price: is required" in await refused(client, "rent_number", given)
    assert bought(stand) == 0


@pytest.mark.parametrize("zero", [0, "0.00"])
async def test_a_price_of_0_is_never_no_limit(
    client: Client, stand: SimulatedStand, zero: object
) -> None:
    for tool in ("rent_number", "list_prices"):
        given = {"service_code": "whatsapp", "max_price": zero}
        assert "max_price: must be more than 0" in await refused(client, tool, given)
    assert bought(stand) == 0


async def test_tools_take_text_for_amounts_and_numbers_for_text(
    client: Client, stand: SimulatedStand
) -> None:
    given = {"service_code": "whatsapp", "max_price": 1, "request_id": 4711, "area_codes": 212}
    spelled = {**given, "max_price": "1.00", "request_id": "4711", "area_codes": "212"}
    blank = {**spelled, "carrier": "", "keep_carrier": None, "number": ""}
    rentals = [await done(client, "rent_number", each) for each in (given, spelled, blank)]

    assert [each["id"] for each in rentals[1:]] == [rentals[0]["id"]] * 2
    assert [each.get("replayed") for each in rentals] == [None, True, True]
    assert bought(stand) == 1


async def test_messages_come_newest_first_and_cut(client: Client, stand: SimulatedStand) -> None:
    rented = await done(client, "create_long_rental", {"period": "1w"})
    stand.sim.advance(60)
    whole = await done(client, "list_messages", {"long_rental_id": rented["id"]})
    newest = await done(client, "list_messages", {"long_rental_id": rented["id"], "limit": 1})

    times = [message["received_at"] for message in whole["data"]]
    assert times == sorted(times, reverse=True)
    assert newest == {"data": whole["data"][:1], "left_out": len(times) - 1}


async def test_automatic_renewal_is_switched_on_where_a_renewal_is_allowed() -> None:
    limits = Limits(max_price=Decimal(100), admin=True)
    async with (
        run_mcp(limits=limits) as stand,
        connected(stand.mcp, ERAS[0], person=Person()) as client,
    ):
        call = Call(await stand.gateway.callers.identify(DEMO_KEY), "trace")
        rented = await stand.gateway.invoker.invoke(CREATE_LONG_RENTAL, call, {"period": "1w"})
        named = {"long_rental_id": rented.id}
        renewed = await refused(client, "renew_long_rental", named)
        on = await refused(client, "set_auto_renew", {**named, "auto_renew": True})
        off = await done(client, "set_auto_renew", {**named, "auto_renew": False})

    assert renewed.startswith("forbidden: The price of this purchase cannot be known before")
    assert on.split(".")[0] == renewed.split(".")[0]
    assert off["auto_renew"] is False


async def test_a_completion_whose_answer_was_lost_says_so(
    client: Client, stand: SimulatedStand
) -> None:
    rented = await done(client, "rent_number", {"service_code": "whatsapp", "max_price": 1})
    named = {"rental_id": rented["id"]}
    stand.sim.script(Fault("completed", FaultKind.DROP_AFTER))
    lost = await refused(client, "complete_rental", named)
    read = await done(client, "get_rental", named)

    assert lost.startswith(
        "upstream_unavailable: The request was sent to the provider and its answer was lost: "
        "it may have gone through. It costs nothing. Read the rental with get_rental "
    )
    assert read["status"] == "completed"


async def test_a_wrong_input_is_named(client: Client) -> None:
    assert (await refused(client, "get_rental", {"rental_id": "x"})).startswith(
        "invalid_request: rental_id: must be a whole number"
    )
    assert "limit: must be a whole number" in await refused(client, "list_prices", {"limit": "x"})
    assert "inputs: rental_id" in await refused(client, "get_rental", {"rental_id": 1, "x": 2})


async def test_resources_give_what_the_tools_give(client: Client) -> None:
    rental = await done(client, "rent_number", {"service_code": "whatsapp", "max_price": 1})
    read = (await client.read_resource(f"rental://{rental['id']}")).contents[0]
    prices = (await client.read_resource("prices://catalog")).contents[0]
    guide = (await client.read_resource("guide://renting")).contents[0]

    assert f'"id":{rental["id"]}' in read.text  # type: ignore[union-attr]
    assert len(prices.text.splitlines()) == 21  # type: ignore[union-attr]
    for tool in ("wait_for_code", "replace_rental", "cancel_rental"):
        assert tool in guide.text  # type: ignore[union-attr]
    listed = (await client.list_resources()).resources
    assert [resource.title for resource in listed] == ["Price list", "Guide to renting"]
    (template,) = (await client.list_resource_templates()).resource_templates
    assert (template.name, template.title) == ("rental", "One rental")


@pytest.mark.parametrize("uri", ["rental://99", "rental://x", "prices://nothing", "other://x"])
async def test_what_is_not_there_is_an_error_that_names_it(client: Client, uri: str) -> None:
    with pytest.raises(MCPError) as caught:
        await client.read_resource(uri)

    assert caught.value.error.code == -32602
    assert caught.value.error.data == {"uri": uri}


KEY = "sk_live_0b5f9c8e4d3a"


async def test_a_key_among_the_arguments_is_not_said_again(client: Client) -> None:
    good = {"service_code": "whatsapp", "max_price": 1}
    for tool, given in (
        ("rent_number", {**good, KEY: 1}),
        ("rent_number", {**good, "service_code": KEY, "request_id": f"gtw_{'x' * 32}"}),
        ("get_rental", {"rental_id": KEY}),
        ("list_prices", {"limit": KEY}),
    ):
        sentence = await refused(client, tool, given)
        assert sentence.startswith("invalid_request: ")
        assert KEY not in sentence
        assert "gtw_x" not in sentence


@pytest.mark.parametrize("ask", ["call_tool", "get_prompt", "read_resource"])
async def test_a_key_for_a_name_is_not_said_again(client: Client, ask: str) -> None:
    with pytest.raises(MCPError) as caught:
        await getattr(client, ask)(f"rental://{KEY}" if ask == "read_resource" else KEY)

    assert KEY not in str(caught.value.error)


async def test_prompts_are_filled_in(client: Client) -> None:
    prompts = (await client.list_prompts()).prompts
    names = [prompt.name for prompt in prompts]
    flow = await client.get_prompt("receive_code", {"service": "WhatsApp"})
    over = await client.get_prompt("reconcile_spending")

    assert names == ["receive_code", "reconcile_spending"]
    assert [prompt.title for prompt in prompts] == ["Receive an SMS code", "Go over the spending"]
    assert "for WhatsApp, and" in flow.messages[0].content.text  # type: ignore[union-attr]
    for words in ("since the beginning of today", "get_usage by service"):
        assert words in over.messages[0].content.text  # type: ignore[union-attr]
    for name in ("receive_code", "nothing"):
        with pytest.raises(MCPError):
            await client.get_prompt(name, {})
