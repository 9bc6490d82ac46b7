"""The n8n package: built and linted with n8n's own tools, then run in n8n itself."""

import asyncio
import json
import shutil
import time
from base64 import b64decode
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from standardwebhooks.webhooks import Webhook

from scripts.integrations.n8n_instance import PUBLISHING, N8n, n8n, node_of, split, started_by
from scripts.integrations.stand import ROOT, Result, Stand

KIT = ROOT / "integrations" / "n8n"
PREFIX = "CUSTOM."


async def check(stand: Stand) -> Sequence[Result]:
    """Each of the checks; where the package cannot be built, nothing else is tried."""
    package = stand.home / "package"
    shutil.copytree(KIT, package, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (package / "node_modules").symlink_to(stand.tools / "node_modules")
    results = [
        await _program(stand, package, "is built", "n8n-node", "build"),
        await _program(stand, package, "keeps n8n's rules for community nodes", "eslint", "."),
    ]
    if results[0].reason is not None:
        return results
    async with n8n(stand, package / "dist") as instance:
        for name, checked in CHECKS.items():
            results.append(await _result(name, checked(stand, instance)))
    return results


async def _program(stand: Stand, package: Path, name: str, *command: str) -> Result:
    node = node_of(stand.tools)
    path = f"{node}:{stand.env['PATH']}" if node else stand.env["PATH"]
    code, printed = await stand.run("env", "-C", package, *command, PATH=path, CI="true")
    return Result(name, printed[-2000:] if code else None)


async def _result(name: str, checked: Awaitable[None]) -> Result:
    try:
        await checked
    except Exception as error:  # the other checks are made all the same
        return Result(name, f"{type(error).__name__}: {error}")
    return Result(name)


def expect(holds: object, otherwise: str) -> None:
    """Raise RuntimeError with the words unless it holds."""
    if not holds:
        raise RuntimeError(otherwise)


def node(kind: str, name: str, credential: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    """A node of the package."""
    return {
        "id": str(uuid4()),
        "name": name,
        "type": f"{PREFIX}{kind}",
        "typeVersion": 1,
        "position": [0, 0],
        "parameters": parameters,
        "credentials": {"getatextGatewayApi": credential},
    }


def rent(instance: N8n, service: str, name: str = "Rent") -> dict[str, Any]:
    """Rents a number for a service."""
    located = {"__rl": True, "mode": "id", "value": service}
    return node("getatextGateway", name, instance.credential, operation="rent", service=located)


def does(instance: N8n, operation: str, **parameters: Any) -> dict[str, Any]:
    """An operation that takes its rental from the item."""
    parameters = {"operation": operation} | parameters
    return node("getatextGateway", operation, instance.credential, **parameters)


def bought(stand: Stand) -> int:
    """How many numbers the provider has sold."""
    return len(stand.simulator.books.rentals)


async def gateway(instance: N8n, stand: Stand, method: str, path: str, body: object = None) -> Any:
    """What the gateway answers."""
    headers = {"X-API-Key": stand.key}
    url = stand.url + path
    async with instance.session.request(method, url, json=body, headers=headers) as answer:
        expect(answer.ok, f"{method} {path}: {answer.status} {await answer.text()}")
        return await answer.json()


async def credential(stand: Stand, instance: N8n) -> None:
    """n8n's credential test tells a right key from a wrong one."""
    body = {
        "name": "Gateway",
        "type": "getatextGatewayApi",
        "data": {"url": f"{stand.url}/", "apiKey": stand.key},
    }
    made = await instance.rest("POST", "/credentials", body)
    instance.credential = {"id": made["id"], "name": made["name"]}
    told = await instance.rest("POST", "/credentials/test", {"credentials": body | {"id": ""}})
    expect(told["status"] == "OK", f"The right key: {told}")
    wrong = body | {"id": "", "data": {"url": stand.url, "apiKey": "gtw_wrong"}}
    told = await instance.rest("POST", "/credentials/test", {"credentials": wrong})
    expect(told["status"] == "Error", f"A wrong key: {told}")


async def whole(stand: Stand, instance: N8n) -> None:
    """A rental starts the workflow, which rents for another service, waits, and completes."""
    trigger = node(
        "getatextGatewayTrigger",
        "Trigger",
        instance.credential,
        events=["rental.created"],
        serviceCode="whatsapp",
    )
    trigger["webhookId"] = str(uuid4())
    steps = [trigger, rent(instance, "telegram"), does(instance, "waitForCode")]
    workflow = await instance.add("Whole", [*steps, does(instance, "complete")])
    await instance.activate(workflow)
    try:
        await _rents_and_completes(stand, instance, workflow)
        await _comes_and_goes(stand, instance, workflow)
    finally:  # it would start on the rentals of the other checks
        await instance.deactivate(workflow)
    await _webhooks(instance, stand, 0)


async def _rents_and_completes(stand: Stand, instance: N8n, workflow: str) -> None:
    webhook = await _webhooks(instance, stand, 1)
    expect(webhook["url"].startswith(instance.url), f"Another address: {webhook}")
    before = bought(stand)
    await gateway(instance, stand, "POST", "/v1/rentals", {"service_code": "whatsapp"})
    status, data = await instance.ended(workflow)
    expect(status == "success", f"The execution: {status} {data[-1500:]}")
    last = list(stand.simulator.books.rentals.values())[-1]
    expect(bought(stand) == before + 2, f"{bought(stand) - before} numbers instead of 2")
    expect(last.service == "telegram", f"Rented for {last.service}")
    expect(last.code and last.code in data and not last.active, f"Not completed: {last}")
    await _refuses_what_is_not_genuine(stand, instance, workflow, webhook["url"])


async def _comes_and_goes(stand: Stand, instance: N8n, workflow: str) -> None:
    for _ in range(2):
        await instance.deactivate(workflow)
        await _webhooks(instance, stand, 0)
        await instance.activate(workflow)
        webhook = await _webhooks(instance, stand, 1)
        expect(webhook["status"] == "enabled", f"Activated again: {webhook}")


async def _webhooks(instance: N8n, stand: Stand, count: int) -> Any:
    """The first of the gateway's webhooks, once it has so many; None where that is none."""
    found: list[Any] = []
    try:
        async with asyncio.timeout(PUBLISHING):
            while True:
                found = (await gateway(instance, stand, "GET", "/v1/webhooks"))["data"]
                if len(found) == count:
                    return found[0] if found else None
                await asyncio.sleep(0.3)
    except TimeoutError:
        raise RuntimeError(f"{count} webhooks were expected: {found}") from None


async def _refuses_what_is_not_genuine(
    stand: Stand, instance: N8n, workflow: str, url: str
) -> None:
    events = (await gateway(instance, stand, "GET", "/v1/events?type=rental.created"))["data"]
    known = [each["id"] for each in events if each["data"]["service_code"] == "whatsapp"]
    kept = (await instance.workflow(workflow))["staticData"]["node:Trigger"]
    expect(b64decode(kept["secret"].removeprefix("whsec_")), "No secret is kept")
    body = '{"id": "evt_9", "type": "webhook.test", "timestamp": "", "data": null}'

    async def sent(id_: str, secret: str, seconds_ago: float = 0, body: str = body) -> int:
        now = time.time() - seconds_ago
        signature = Webhook(secret).sign(id_, datetime.fromtimestamp(now, tz=UTC), body)
        headers = {
            "webhook-id": id_,
            "webhook-timestamp": str(int(now)),
            "webhook-signature": signature,
            "Content-Type": "application/json",
        }
        async with instance.session.post(url, data=body, headers=headers) as answer:
            return answer.status

    async with instance.session.post(url, data=body) as bare:
        told = [bare.status]
    told.append(await sent("evt_9", "whsec_" + "A" * 43 + "="))
    told.append(await sent("evt_9", kept["secret"], seconds_ago=400))
    told.append(await sent("evt_9", kept["secret"]))
    again = body.replace("webhook.test", "rental.created")
    told.append(await sent(known[0], kept["secret"], body=again))
    expect(told == [400, 401, 400, 200, 200], f"Bare, forged, old, a test, a known id: {told}")
    found = await instance.executions(workflow)
    expect(len(found) == 1, f"{len(found)} executions were started instead of one")


async def _started(
    instance: N8n, name: str, steps: Sequence[dict[str, Any]], body: object = None
) -> tuple[str, str, str]:
    path = f"start-{uuid4().hex}"
    workflow = await instance.add(name, [started_by(path), *steps])
    await instance.activate(workflow)
    await instance.call(path, body or {})
    return (workflow, *await instance.ended(workflow))


async def lists(stand: Stand, instance: N8n) -> None:
    """Two items rent nothing."""
    before = bought(stand)
    steps = [split(), rent(instance, "whatsapp")]
    _, status, data = await _started(instance, "List", steps, {"list": [1, 2]})
    expect(status == "error" and "one execution rents one number" in data, data[-1500:])
    expect(bought(stand) == before, "Something was rented")


async def one_number(stand: Stand, instance: N8n) -> None:
    """A second rent in an execution is refused."""
    before = bought(stand)
    steps = [rent(instance, "whatsapp"), rent(instance, "telegram", "Again")]
    _, status, data = await _started(instance, "Two", steps)
    expect(status == "error" and "has rented a number already" in data, data[-1500:])
    expect(bought(stand) == before + 1, f"{bought(stand) - before} numbers instead of 1")


async def lost(stand: Stand, instance: N8n) -> None:
    """A purchase whose answer was lost is bought once: by tries of n8n, and by its retry."""
    fault = {"call": "rent-a-number", "kind": "drop_after", "times": 1}
    url = f"{stand.simulator.url}/_control/faults"
    async with instance.session.post(url, json=fault) as answer:
        expect(answer.ok, f"The fault: {await answer.text()}")
    before = bought(stand)
    step = rent(instance, "whatsapp") | {
        "retryOnFail": True,
        "maxTries": 3,
        "waitBetweenTries": 100,
    }
    workflow, status, data = await _started(instance, "Lost", [step])
    expect(status == "error" and "outcome_unknown" in data, f"{status}: {data[-1500:]}")
    expect("Do not rent again" in data, f"Nothing is advised: {data[-1500:]}")
    expect(bought(stand) == before + 1, f"{bought(stand) - before} numbers instead of 1")
    (execution,) = await instance.executions(workflow)
    await instance.rest("POST", f"/executions/{execution['id']}/retry", {"loadWorkflow": False})
    await instance.ended(workflow, count=2)
    expect(bought(stand) == before + 1, f"The retry bought: {bought(stand) - before}")


async def reads(stand: Stand, instance: N8n) -> None:
    """Replace, cancel and get follow a rental; prices and the balance are told."""
    steps = [rent(instance, "whatsapp"), does(instance, "replace"), does(instance, "cancel")]
    _, status, data = await _started(instance, "Replace", [*steps, does(instance, "get")])
    expect(status == "success" and '"cancelled"' in data, f"{status}: {data[-1500:]}")
    account = {"resource": "account"}
    steps = [
        does(instance, "listPrices", query="whatsapp", limit=1, **account),
        does(instance, "getBalance", **account),
    ]
    _, status, data = await _started(instance, "Account", steps)
    expect(status == "success" and "left_today" in data, f"{status}: {data[-1500:]}")
    asked = {
        "nodeTypeAndVersion": {"name": f"{PREFIX}getatextGateway", "version": 1},
        "path": "parameters.service",
        "methodName": "searchServices",
        "filter": "whats",
        "currentNodeParameters": {"operation": "rent"},
        "credentials": {"getatextGatewayApi": instance.credential},
    }
    found = await instance.rest("POST", "/dynamic-node-parameters/resource-locator-results", asked)
    names = json.dumps(found["results"])
    expect("whatsapp" in names and "telegram" not in names, f"Found: {names}")


CHECKS: dict[str, Callable[[Stand, N8n], Awaitable[None]]] = {
    "the credential test": credential,
    "trigger, rent, wait, complete; forged deliveries; activation": whole,
    "a list rents nothing": lists,
    "one execution rents one number": one_number,
    "a lost answer is bought once, with retries": lost,
    "replace, cancel, get, prices, balance, search": reads,
}
