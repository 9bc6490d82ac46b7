"""The Power Platform connector, held against Microsoft's schema and the rules of its makers."""

import json
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import aiohttp
from jsonschema import Draft4Validator

from gateway.core.model.upstream_call import Effect
from gateway.core.operations.catalog import CATALOG
from scripts.integrations.stand import ROOT, Result, Stand

Json = dict[str, Any]
KIT = ROOT / "integrations" / "power-platform"
SCHEMA = ROOT / "tests" / "surface" / "powerplatform.apiDefinition.schema.json"


def definition() -> Json:
    """The committed apiDefinition.swagger.json."""
    made: Json = json.loads((KIT / "apiDefinition.swagger.json").read_text(encoding="utf-8"))
    return made


def properties() -> Json:
    """What the committed apiProperties.json says."""
    made: Json = json.loads((KIT / "apiProperties.json").read_text(encoding="utf-8"))["properties"]
    return made


def operations(document: Json) -> dict[str, Json]:
    """The operations by their id. What a trigger receives stands beside them, and has none."""
    items = document["paths"].values()
    members = [one for item in items for one in item.values()]
    return {one["operationId"]: one for one in members if "operationId" in one}


def schema_faults(document: Json) -> list[str]:
    """What Microsoft's schema finds."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return [error.message for error in Draft4Validator(schema).iter_errors(document)]


def wording_faults(document: Json) -> list[str]:
    """Titles and texts that are too long or too short for its pages."""
    title, about = document["info"]["title"], document["info"]["description"]
    found = [] if len(title) <= 30 else [f"the title is {len(title)} characters"]
    found += [] if 30 <= len(about) <= 500 else [f"the description is {len(about)} characters"]
    for name, one in operations(document).items():
        if len(one["summary"]) > 80 or not one["summary"][-1].isalnum():
            found.append(f"{name}: the summary is too long, or ends with a mark")
        if one["description"][-1] != ".":
            found.append(f"{name}: the description is no sentence")
    return found


def purchase_faults(document: Json) -> list[str]:
    """Purchases that do not show their request id."""
    there = operations(document)
    return [
        op.name
        for op in CATALOG
        if op.effect is Effect.SPEND
        and _body(there[op.name]).get("request_id", {}).get("x-ms-visibility") != "important"
    ]


def property_faults(told: Json) -> list[str]:
    """Policies that name no parameter of the connection, and parameters that none uses."""
    text = json.dumps(told["policyTemplateInstances"])
    unused = [
        name
        for name in told["connectionParameters"]
        if f"@connectionParameters('{name}')" not in text
    ]
    used = text.count("@connectionParameters(")
    spare = used - len(told["connectionParameters"])
    return unused + ([] if spare == 0 else [f"{spare} uses of parameters that are not there"])


def icon_faults(icon: bytes) -> list[str]:
    """A PNG that is no square of 100 to 230 pixels, or takes 1 MB."""
    if icon[:8] != b"\x89PNG\r\n\x1a\n":
        return ["it is no PNG"]
    width, height = struct.unpack(">II", icon[16:24])
    well = width == height and 100 <= width <= 230 and len(icon) < 1_000_000
    return [] if well else [f"it is {width} by {height} pixels and {len(icon)} bytes"]


async def check(stand: Stand) -> Sequence[Result]:
    """The kit's files, and that a gateway serves what they describe."""
    document = definition()
    async with (
        aiohttp.ClientSession(stand.url, trust_env=False) as session,
        session.get("/swagger.json", params={"scope": "all"}) as answer,
    ):
        served = operations(await answer.json())
    absent = sorted(operations(document).keys() - served.keys())
    return list(
        _results(
            {
                "Microsoft's schema finds no error": schema_faults(document),
                "titles and texts are as its pages want them": wording_faults(document),
                "every purchase shows its request id": purchase_faults(document),
                "the connection's address and key are used": property_faults(properties()),
                "the icon has its size": icon_faults((KIT / "icon.png").read_bytes()),
                "a gateway serves every operation": absent,
            }
        )
    )


def _body(operation: Json) -> Json:
    bodies = [one for one in operation["parameters"] if one["in"] == "body"]
    fields: Json = bodies[0]["schema"]["properties"] if bodies else {}
    return fields


def _results(faults: dict[str, list[str]]) -> Iterator[Result]:
    for name, found in faults.items():
        yield Result(name, "; ".join(found) or None)
