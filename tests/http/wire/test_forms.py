"""The parameters of a GET protocol, out of the query and out of each kind of form."""

from typing import Any

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient

from gateway.http.wire.forms import is_body_unread, read_parameters

Echo = TestClient[web.Request, web.Application]


async def echo(request: web.Request) -> web.Response:
    parameters = await read_parameters(request)
    return web.json_response(
        {
            "values": dict(parameters.values),
            "repeated": parameters.repeated,
            "unread": await is_body_unread(request),
        }
    )


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Echo:
    app = web.Application()
    app.router.add_route("*", "/", echo)
    return await aiohttp_client(app)


async def read(client: Echo, query: str, method: str = "POST", **more: Any) -> Any:
    response = await client.request(method, f"/?{query}", **more)
    assert response.status == 200
    return await response.json()


def multipart(**fields: str) -> FormData:
    return FormData(fields, default_to_multipart=True)


@pytest.mark.parametrize("data", [{"b ": " 2 ", "c": ""}, multipart(**{"b ": " 2 ", "c": ""})])
async def test_query_and_form_are_read_together(client: Echo, data: Any) -> None:
    got = await read(client, "a=1", data=data)

    assert got == {"values": {"a": "1", "b": "2"}, "repeated": False, "unread": False}


@pytest.mark.parametrize(
    ("query", "data", "repeated"),
    [
        ("a=1", {"a": "1"}, False),
        ("a=1", {"a": "2"}, True),
        ("a=1&a=1", {}, True),
        ("a=1&%20a=", {}, True),
        ("", FormData([("a", "1"), ("a", "1")], default_to_multipart=True), True),
    ],
)
async def test_a_parameter_with_two_values_is_repeated(
    client: Echo, query: str, data: Any, repeated: bool
) -> None:
    assert (await read(client, query, data=data))["repeated"] is repeated


@pytest.mark.parametrize(
    ("method", "body", "unread"),
    [
        ("GET", b"a=1", True),
        ("GET", b" {} ", False),
        ("POST", b'{"a": 1}', True),
        ("POST", b"[]", False),
        ("POST", b"a=1", False),
    ],
)
async def test_a_body_that_holds_no_parameters_is_unread(
    client: Echo, method: str, body: bytes, unread: bool
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await read(client, "", method, data=body, headers=headers))["unread"] is unread
