"""nginx before the gateway: what it must not buffer, repeat or write down."""

import re
import shlex
from dataclasses import dataclass, field

import pytest

from gateway.http.dropins.getatext.get_face import PATH as GET_FACE
from gateway.http.dropins.sms_activate.manner import DIALECTS
from gateway.settings import Settings
from mcp_server.tools.adjustments import WaitRules
from tests.deploy.support import SETTINGS, read, seconds, settings_named

TEXT = read("deploy/nginx/getatext-gateway.conf")
WEBHOOK = "/webhooks/getatext/secret"
STREAMS = ("/v1/events/stream", "/mcp", "/mcp/")


@dataclass(slots=True)
class Block:
    """A block, or all of the file: its own directives, and the blocks in it."""

    name: list[str]
    told: dict[str, list[str]] = field(default_factory=dict)
    blocks: list["Block"] = field(default_factory=list)

    def block(self, *name: str) -> "Block":
        (found,) = [each for each in self.blocks if each.name[: len(name)] == list(name)]
        return found


def parsed(text: str) -> Block:
    """Raises ValueError or IndexError where it does not parse."""
    opened, words = [Block([])], list[str]()
    lexer = shlex.shlex(text, posix=True, punctuation_chars="{};")
    lexer.whitespace_split, lexer.commenters = True, "#"
    for token in lexer:
        match token:
            case "{":
                opened[-1].blocks.append(block := Block(words))
                opened.append(block)
            case "}":
                opened.pop()
            case ";":
                name, *values = words
                if name == "proxy_set_header":
                    name = f"{name} {values.pop(0)}"
                opened[-1].told[name] = values
            case _:
                words.append(token)
                continue
        words = []
    (whole,) = opened
    return whole


SERVER = parsed(TEXT).block("server")


def told(path: str) -> dict[str, list[str]]:
    """The directives for a path: those of its location, and of the server."""
    locations = [each for each in SERVER.blocks if each.name[0] == "location"]
    for each in locations:
        if each.name[1] == "~" and re.search(each.name[2], path):
            return SERVER.told | each.told
    return SERVER.told | SERVER.block("location", "/").told


@pytest.mark.parametrize("path", ["/", *STREAMS, *DIALECTS, GET_FACE, WEBHOOK])
def test_every_path_reaches_the_gateway_with_what_only_nginx_knows(path: str) -> None:
    settings = told(path)
    upstream = parsed(TEXT).block("upstream")

    assert settings["proxy_pass"] == [f"http://{upstream.name[1]}"]
    assert settings["proxy_http_version"] == ["1.1"]
    assert {name: settings[f"proxy_set_header {name}"] for name in ("Connection", "Host")} == {
        "Connection": [""],
        "Host": ["$http_host"],
    }
    assert settings["proxy_set_header X-Forwarded-For"] == ["$remote_addr"]
    assert settings["proxy_set_header X-Forwarded-Proto"] == ["$scheme"]
    assert settings["proxy_set_header X-Forwarded-Host"] == ["$http_host"]


def test_waits_are_longer_than_the_gateway_lets_anybody_wait() -> None:
    usual = Settings.model_validate({})
    longest = max(
        WaitRules().max_seconds, usual.getatext_connect_seconds + usual.getatext_spend_seconds
    )

    assert all(seconds(told(path)["proxy_read_timeout"][0]) > longest for path in ("/", *STREAMS))


@pytest.mark.parametrize("path", STREAMS)
def test_streams_are_not_buffered(path: str) -> None:
    assert told(path)["proxy_buffering"] == ["off"]


def test_nothing_that_may_have_bought_is_sent_again() -> None:
    assert told("/v1/rentals")["proxy_next_upstream"] == ["error", "timeout"]  # no POST with these
    for path in (*DIALECTS, GET_FACE):
        assert told(path)["proxy_next_upstream"] == ["off"]


@pytest.mark.parametrize("path", [*DIALECTS, GET_FACE, WEBHOOK])
def test_addresses_that_hold_secrets_are_not_written_down(path: str) -> None:
    assert told(path)["access_log"] == ["off"]
    assert told(path)["error_log"][1] == "crit"


def test_idle_connections_end_at_nginx_before_the_gateway_ends_them() -> None:
    kept = re.search(r"GATEWAY_KEEPALIVE_SECONDS=(\d+)", TEXT)

    assert kept
    assert seconds(parsed(TEXT).block("upstream").told["keepalive_timeout"][0]) < int(kept[1])
    assert settings_named(TEXT) <= SETTINGS
