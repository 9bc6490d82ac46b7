"""Keys over HTTP: who may manage them, what they take, and what becomes of a key."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY, Simulator
from gateway.core.model.callers import Limits
from tests.keys.support import SILENT, Node, node
from tests.support.keys import make_key
from tests.support.waiting import until

MINE = {"service_code": "whatsapp"}


@pytest.fixture
async def home(store_url: str) -> AsyncIterator[Node]:
    async with Simulator(SILENT).running() as sim, node(store_url, sim) as one:
        yield one


async def listed(home: Node, key_id: str) -> dict[str, Any]:
    answer = await home.admin.get("/v1/keys")
    (found,) = [row for row in answer.json["data"] if row["id"] == key_id]
    assert isinstance(found, dict)
    return found


async def test_a_key_is_made_with_its_limits_and_used(home: Node) -> None:
    made = await home.make(
        name="n8n", budget_day="5", max_price="0.60", services="Whatsapp", max_active=2
    )
    secret = made.pop("secret")
    holder = home.holder(secret)
    bought = [(await holder.post("/v1/rentals", MINE)).status for _ in range(3)]

    assert secret.startswith("gtw_")
    assert (made["status"], made["budget_day"], made["services"]) == (
        "active",
        "5.00",
        ["whatsapp"],
    )
    assert bought == [201, 201, 409]
    row = await listed(home, made["id"])
    assert "secret" not in row
    assert (row["spent_today"], row["left_today"]) == ("1.10", "3.90")


LIMITED: list[dict[str, Any]] = [
    {},
    {"admin": True, "budget_total": 5},
    {"admin": True, "max_price": 1},
    {"admin": True, "read_only": True},
    {"admin": True, "max_active": 1},
    {"admin": True, "services": frozenset({"whatsapp"})},
    {"admin": True, "suspended": True},
]
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/v1/keys", {}),
    ("POST", "/v1/keys", {"json": {"name": "freer", "no_budget": True}}),
    ("POST", "/v1/keys/00000000", {"json": {"name": "freer"}}),
    ("POST", "/v1/keys/00000000/rotate", {"json": {}}),
    ("DELETE", "/v1/keys/00000000", {}),
    ("GET", "/v1/audit-log", {}),
]


@pytest.mark.parametrize("limits", LIMITED, ids=str)
async def test_a_key_with_any_limit_manages_none(home: Node, limits: dict[str, Any]) -> None:
    holder = home.holder(await make_key(home.gateway, "limited", Limits(**limits)))
    for method, path, more in CALLS:
        refused = await holder.ask(method, path, **more)
        assert (refused.status, refused.json["code"]) == (403, "forbidden"), path

    assert len((await home.admin.get("/v1/keys")).json["data"]) == 2


async def test_an_admin_key_that_expires_makes_none_that_does_not(home: Node) -> None:
    made = await home.make(name="for a while", admin=True, no_budget=True, budget_day="",
                           expires_at="2999-01-01")  # fmt: skip
    refused = await home.holder(made["secret"]).post(
        "/v1/keys", {"name": "freer", "no_budget": True}
    )

    assert (refused.status, refused.json["code"]) == (403, "forbidden")


async def test_a_key_of_the_providers_manages_none(home: Node) -> None:
    for method, path, more in CALLS:
        refused = await home.holder(DEMO_KEY).ask(method, path, **more)
        assert (refused.status, refused.json["code"]) == (403, "gateway_key_required"), path


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "name: is required"),
    ({"name": "x"}, "must have budget_day or budget_total; or no_budget, on purpose"),
    ({"name": "x", "budget_day": "5", "no_budget": True}, "no_budget does not go with"),
    ({"name": "x", "budget_day": 0}, "budget_day: must be more than 0"),
    ({"name": "x", "budget_day": "5", "max_active": -1}, "max_active: must be"),
    ({"name": "x", "budget_day": "5", "expires_at": "2020-01-01"}, "expires_at: is over"),
    ({"name": "x", "budget_day": "5", "limits": {}}, "is not an input of this operation"),
]


@pytest.mark.parametrize(("asked", "said"), BAD, ids=lambda value: str(value)[:40])
async def test_a_key_that_makes_no_sense_is_refused(
    home: Node, asked: dict[str, Any], said: str
) -> None:
    refused = await home.admin.post("/v1/keys", asked)

    assert (refused.status, refused.json["code"]) == (400, "invalid_request")
    assert said in refused.json["detail"]
    assert len((await home.admin.get("/v1/keys")).json["data"]) == 1


async def test_a_service_that_there_is_not_is_refused_with_close_ones(home: Node) -> None:
    asked = {"name": "x", "budget_day": "5", "services": "whatsap"}
    refused = await home.admin.post("/v1/keys", asked)

    assert (refused.status, refused.json["code"]) == (404, "service_not_found")
    assert "whatsapp" in str(refused.json["candidates"])


async def test_limits_are_changed_and_removed_by_name(home: Node) -> None:
    made = await home.make(max_price="0.60", max_active=1, services="whatsapp")
    path = f"/v1/keys/{made['id']}"
    raised = await home.admin.post(path, {"max_active": 3, "name": "a bigger shop"})
    cleared = await home.admin.post(path, {"clear": "max_price,services", "budget_total": "7"})

    assert raised.json == {
        **{name: each for name, each in made.items() if name != "secret"},
        "max_active": 3,
        "name": "a bigger shop",
    }
    assert cleared.json == {
        **raised.json,
        "max_price": None,
        "services": None,
        "budget_total": "7.00",
        "left_total": "7.00",
    }


REFUSED_CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"clear": "max_price", "max_price": "1"}, "clear: max_price is given, too"),
    ({"clear": "admin"}, "admin is no limit that can be removed"),
    ({"expires_at": "2020-01-01"}, "expires_at: is over"),
    ({"suspended": "perhaps"}, "suspended: must be"),
]


@pytest.mark.parametrize(("asked", "said"), REFUSED_CHANGES, ids=str)
async def test_a_change_that_makes_no_sense_is_refused(
    home: Node, asked: dict[str, Any], said: str
) -> None:
    made = await home.make()
    refused = await home.admin.post(f"/v1/keys/{made['id']}", asked)

    assert (refused.status, refused.json["code"]) == (400, "invalid_request")
    assert said in refused.json["detail"]


async def test_a_change_of_nothing_changes_nothing(home: Node) -> None:
    made = await home.make()
    same = await home.admin.post(f"/v1/keys/{made['id']}", {"suspended": "keep"})

    assert same.json == {name: each for name, each in made.items() if name != "secret"}
    assert len((await home.admin.get("/v1/audit-log")).json["data"]) == 1


@pytest.mark.parametrize("way", ["make", "rename"])
async def test_a_living_name_is_taken(home: Node, way: str) -> None:
    first, second = await home.make(name="n8n"), await home.make(name="another")
    if way == "make":
        refused = await home.admin.post("/v1/keys", {"name": " n8n", "budget_day": "5"})
    else:
        refused = await home.admin.post(f"/v1/keys/{second['id']}", {"name": "n8n"})

    assert (refused.status, refused.json["code"]) == (409, "name_taken")
    assert first["id"] in refused.json["detail"]
    await home.admin.ask("DELETE", f"/v1/keys/{first['id']}")
    assert (await home.admin.post(f"/v1/keys/{second['id']}", {"name": "n8n"})).status == 200


async def test_a_suspended_key_buys_nothing_and_still_reads_and_cancels(home: Node) -> None:
    made = await home.make()
    holder, path = home.holder(made["secret"]), f"/v1/keys/{made['id']}"
    bought = await holder.post("/v1/rentals", {**MINE, "request_id": "order-1"})
    suspended = await home.admin.post(path, {"suspended": True})
    node_knows = await home.gateway.callers.identify(made["secret"])
    await home.gateway.callers.recheck(node_knows, anew=True)
    refused = [
        await holder.post("/v1/rentals", MINE),
        await holder.post(f"/v1/rentals/{bought.json['id']}/replace"),
        await holder.post("/v1/long-rentals", {"period": "1w"}),
    ]
    again = await holder.post("/v1/rentals", {**MINE, "request_id": "order-1"})

    assert suspended.json["status"] == "suspended"
    assert [(each.status, each.json["code"]) for each in refused] == [(403, "forbidden")] * 3
    assert all("suspended" in each.json["detail"] for each in refused)
    assert (again.status, again.body) == (201, bought.body)
    assert (await holder.get(f"/v1/rentals/{bought.json['id']}")).status == 200
    cancelled = await holder.post(f"/v1/rentals/{bought.json['id']}/cancel")
    assert cancelled.json["status"] == "cancelled"
    resumed = await home.admin.post(path, {"suspended": "no"})
    await home.gateway.callers.recheck(node_knows, anew=True)
    assert resumed.json["status"] == "active"
    assert (await holder.post("/v1/rentals", MINE)).status == 201


async def test_what_is_not_there_cannot_be_changed(home: Node) -> None:
    made = await home.make()
    gone = await home.admin.ask("DELETE", f"/v1/keys/{made['id']}")

    assert gone.json["status"] == "revoked"
    for key_id in (made["id"], "nobody"):
        for method, path, more in CALLS[2:5]:
            answer = await home.admin.ask(method, path.replace("00000000", key_id), **more)
            assert (answer.status, answer.json["code"]) == (404, "not_found")


async def test_a_rotated_key_has_two_secrets_for_a_while(home: Node) -> None:
    made = await home.make()
    path = f"/v1/keys/{made['id']}/rotate"
    rotated = (await home.admin.post(path, {"overlap_hours": 1})).json
    again = (await home.admin.post(path, {"overlap_hours": 0})).json
    secrets = [made["secret"], rotated["secret"], again["secret"]]

    async def statuses() -> list[int]:
        return [(await home.holder(one).get("/v1/balance")).status for one in secrets]

    async def known() -> bool:
        return await statuses() == [401, 401, 200]

    await until(known)  # within the second in which a node may not know of it yet

    assert len(set(secrets)) == 3
    assert rotated["previous_secret_until"] is not None
    assert again["previous_secret_until"] is None


@pytest.mark.parametrize("hours", [-1, 169, "soon"])
async def test_an_overlap_is_of_a_week_at_the_most(home: Node, hours: object) -> None:
    made = await home.make()
    refused = await home.admin.post(f"/v1/keys/{made['id']}/rotate", {"overlap_hours": hours})

    assert (refused.status, refused.json["code"]) == (400, "invalid_request")
    assert "overlap_hours" in refused.json["detail"]


async def test_the_audit_log_tells_who_did_what(home: Node) -> None:
    made = await home.make(name="n8n", budget_day="5")
    path = f"/v1/keys/{made['id']}"
    await home.admin.post(path, {"max_active": 3, "clear": "budget_day", "budget_total": "9"})
    rotated = await home.admin.post(f"{path}/rotate", {})
    holder = home.holder(rotated.json["secret"])
    hook = {"url": "http://127.0.0.1:9/secret-path", "events": "rental.created"}
    webhook = (await holder.post("/v1/webhooks", hook)).json["id"]
    await holder.ask("DELETE", f"/v1/webhooks/{webhook}")
    await home.admin.ask("DELETE", path)
    entries = (await home.admin.get("/v1/audit-log")).json["data"]
    (admin,) = [row for row in (await home.admin.get("/v1/keys")).json["data"] if row["admin"]]

    told = [(row["action"], row["actor_name"], row["subject"]) for row in entries]
    assert told == [
        ("key.revoked", "admin", made["id"]),
        ("webhook.deleted", "n8n", webhook),
        ("webhook.created", "n8n", webhook),
        ("key.rotated", "admin", made["id"]),
        ("key.updated", "admin", made["id"]),
        ("key.created", "admin", made["id"]),
    ]
    assert {row["actor"] for row in entries} == {admin["id"], made["id"]}
    changed = entries[4]["details"]
    assert changed == {"max_active": 3, "budget_day": None, "budget_total": "9.00"}
    text = str(entries)
    assert not [secret for secret in (made["secret"], "secret-path") if secret in text]


async def test_the_audit_log_is_read_in_pages_and_by_subject(home: Node) -> None:
    made = [await home.make(name=f"key {number}") for number in range(3)]
    first = (await home.admin.get("/v1/audit-log", limit="2")).json
    second = (await home.admin.get("/v1/audit-log", limit="2", cursor=first["next_cursor"])).json
    about = (await home.admin.get("/v1/audit-log", subject=made[1]["id"])).json

    pages = [row["subject"] for page in (first, second) for row in page["data"]]
    assert pages == [row["id"] for row in reversed(made)]
    assert second["next_cursor"] is None
    assert [row["subject"] for row in about["data"]] == [made[1]["id"]]


async def test_no_key_grants_what_it_may_not_do(home: Node) -> None:
    """With GATEWAY_BUDGET_DAY it is a limit: without it nothing unpriced is bought."""
    made = await home.make()
    answers = [
        await home.admin.post("/v1/keys", {"name": "x", "no_budget": True, "long_rentals": True}),
        await home.admin.post(f"/v1/keys/{made['id']}", {"long_rentals": "yes"}),
    ]
    assert [(each.status, each.json["code"]) for each in answers] == [(403, "forbidden")] * 2
    may = await make_key(home.gateway, "freer", Limits(admin=True, long_rentals=True))
    granted = await home.holder(may).post(f"/v1/keys/{made['id']}", {"long_rentals": "yes"})
    assert (granted.status, granted.json["long_rentals"]) == (200, True)


@pytest.mark.parametrize(
    ("made", "change"),
    [({"read_only": True, "budget_day": ""}, {"read_only": "no"}), ({}, {"clear": "budget_day"})],
    ids=["it only looked", "it had a budget"],
)
async def test_a_change_to_spend_without_end_is_made_on_purpose(
    home: Node, made: dict[str, Any], change: dict[str, Any]
) -> None:
    path = f"/v1/keys/{(await home.make(**made))['id']}"
    refused = await home.admin.post(path, change)
    meant = await home.admin.post(path, {**change, "no_budget": True})
    again = await home.admin.post(path, {"max_active": 3})

    assert (refused.status, refused.json["code"]) == (400, "invalid_request")
    assert "no_budget: this key would spend without end" in refused.json["detail"]
    assert (meant.status, meant.json["budget_day"], meant.json["read_only"]) == (200, None, False)
    assert again.status == 200


async def test_no_name_holds_a_key(home: Node) -> None:
    made = await home.make()
    for path in ("/v1/keys", f"/v1/keys/{made['id']}"):
        refused = await home.admin.post(path, {"name": made["secret"], "max_active": 1})
        assert refused.status == 400
        assert made["secret"] not in refused.body.decode()


async def test_a_test_key_manages_none_and_keeps_its_services_as_they_are_sent(home: Node) -> None:
    admin = home.holder(await make_key(home.gateway, "tester", Limits(admin=True), test=True))
    made = await home.make(name="sandbox", test=True, services="test_silent")
    refused = await admin.get("/v1/keys")
    changed = await home.admin.post(f"/v1/keys/{made['id']}", {"services": "test_silent,google"})

    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    assert made["secret"].startswith("gtw_test_")
    assert changed.json["services"] == ["google", "test_silent"]
    rented = await home.holder(made["secret"]).post("/v1/rentals", {"service_code": "google"})
    assert (rented.status, rented.json["test"]) == (201, True)
