"""The kits that are made are up to date; `make integrations` runs them, this needs no Node."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV2SpecValidator

from gateway.core.model.upstream_call import Effect
from gateway.core.operations.catalog import CATALOG
from scripts.integrations.power_platform import (
    KIT,
    definition,
    icon_faults,
    operations,
    properties,
    property_faults,
    purchase_faults,
    schema_faults,
    wording_faults,
)
from scripts.kits.__main__ import stale
from scripts.kits.requests import requests

Json = dict[str, Any]


def test_they_are_what_is_made_now() -> None:
    assert stale() == []


def test_a_collection_has_every_operation_and_one_more_purchase() -> None:
    called = sorted((one.method, one.path.count("/")) for one in requests())

    assert len(called) == len(CATALOG) + 1


def test_every_purchase_of_a_collection_has_a_request_id_of_its_own() -> None:
    bodies = [one.body or {} for one in requests()]
    ids = [body["request_id"] for body in bodies if "request_id" in body]

    assert len(ids) == len(set(ids)) == 1 + sum(op.effect is Effect.SPEND for op in CATALOG)


def test_the_connector_is_as_microsoft_wants_it() -> None:
    OpenAPIV2SpecValidator(definition()).validate()

    assert schema_faults(definition()) == []
    assert wording_faults(definition()) == []
    assert purchase_faults(definition()) == []
    assert property_faults(properties()) == []
    assert icon_faults((KIT / "icon.png").read_bytes()) == []


def without_title(document: Json) -> None:
    del document["info"]["title"]


def with_a_long_summary(document: Json) -> None:
    operations(document)["rent_number"]["summary"] = "Rent " * 20


def with_a_hidden_request_id(document: Json) -> None:
    (body,) = (p for p in operations(document)["rent_number"]["parameters"] if p["in"] == "body")
    body["schema"]["properties"]["request_id"]["x-ms-visibility"] = "advanced"


FAULTS: list[tuple[Callable[[Json], None], Callable[[Json], list[str]]]] = [
    (without_title, schema_faults),
    (with_a_long_summary, wording_faults),
    (with_a_hidden_request_id, purchase_faults),
]


@pytest.mark.parametrize("row", FAULTS, ids=lambda row: row[0].__name__)
def test_a_fault_of_the_connector_is_found(
    row: tuple[Callable[[Json], None], Callable[[Json], list[str]]],
) -> None:
    spoil, faults = row
    document = json.loads(json.dumps(definition()))
    spoil(document)

    assert faults(document)


def test_a_policy_without_its_parameter_and_a_small_icon_are_found() -> None:
    told = properties()
    del told["connectionParameters"]["api_key"]
    small = (KIT.parents[1] / "gateway/http/pages/own/icon.png").read_bytes()

    assert property_faults(told)
    assert icon_faults(small)
