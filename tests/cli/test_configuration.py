import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.cli.configuration import secrets_of, warn_of_plain_http
from gateway.cli.parameters import SimulatedServices
from gateway.settings import Settings
from gateway.telemetry import logs
from gateway.wiring import open_simulator, pointed_at, simulated_services
from tests.cli.conftest import Run

SECRET = "kq7Plain-0wn"

BAD = [
    ("GATEWAY_PORT", SECRET, "GATEWAY_PORT: should be a valid integer."),
    ("GATEWAY_PORT", "70000", "GATEWAY_PORT: should be less than or equal to 65535"),
    ("GETATEXT_TIER", SECRET, "GETATEXT_TIER: should be 'standard' or 'premium'"),
    ("GETATEXT_BASE_URL", SECRET, "GETATEXT_BASE_URL: should be a valid URL."),
    ("GETATEXT_TIMEZONE", SECRET, "GETATEXT_TIMEZONE: is not the name of a time zone"),
    ("GATEWAY_ACCESS_LOG", SECRET, "GATEWAY_ACCESS_LOG: should be a valid boolean"),
    ("GATEWAY_HARMLESS_PARAMETERS", f'["{SECRET}", "areas"]',
     "GATEWAY_HARMLESS_PARAMETERS: cannot hold areas, which decides what is bought"),
    ("GATEWAY_HARMLESS_PARAMETERS", '[" MaxPrice"]',
     "cannot hold MaxPrice, which decides what is bought"),
    ("GATEWAY_HARMLESS_PARAMETERS", '["keep_carrier"]',
     "cannot hold keep_carrier, which decides what is bought"),
    ("GATEWAY_HARMLESS_PARAMETERS", '["orderId"]',
     "cannot hold orderId, which decides what is bought"),
    ("GATEWAY_HARMLESS_PARAMETERS", '[" "]', "GATEWAY_HARMLESS_PARAMETERS: has an empty name"),
    ("GATEWAY_ALLOWED_HOSTS", f'["https://{SECRET}"]', "GATEWAY_ALLOWED_HOSTS: "),
    ("GATEWAY_ALLOWED_HOSTS", '["name:http"]', "GATEWAY_ALLOWED_HOSTS: is no list of hosts"),
    *(
        ("GATEWAY_CORS_ORIGINS", json.dumps([f"{bad}{SECRET}"]), "GATEWAY_CORS_ORIGINS: is not an")
        for bad in ("https://app.example/", "https://u@", "", "https://app.example?", "https://a,",
                    "https://*.", "https://a\0")
    ),
    *(
        (name, SECRET, f"{name}: is not a JSON list")
        for name in ("GATEWAY_CORS_ORIGINS", "GATEWAY_ALLOWED_HOSTS", "GETATEXT_WEBHOOK_FORWARD")
    ),
    *(
        ("GETATEXT_PROXY", f"{bad}{SECRET}", "GETATEXT_PROXY: is not a URL such as http://user:")
        for bad in ("", "proxy:3128/", "https://proxy:3128/", "socks5://proxy:1080", "http://a/",
                    "http://a:3128?", "http://a b:3128", "http://a%3Ab:c@proxy", "http://a:70000")
    ),
    ("GETATEXT_CA_FILE", f"/no/{SECRET}", "GETATEXT_CA_FILE: is not the path of a file."),
    ("GETATEXT_CA_FILE", __file__, "GETATEXT_CA_FILE: is not the path of a file of certificates"),
    ("GETATEXT_CA_FILE", "/", "GETATEXT_CA_FILE: is not the path of a file of certificates"),
    ("GATEWAY_CONFIG", "/no/such/file", "GATEWAY_CONFIG names /no/such/file, which is not a file"),
]  # fmt: skip


@pytest.mark.parametrize("command", ["serve", "balance"])
@pytest.mark.parametrize(("name", "value", "told"), BAD)
def test_a_bad_setting_is_named_and_not_quoted(
    name: str, value: str, told: str, command: str, run: Run
) -> None:
    done = run(command, **{name: value})

    assert done.exit_code == 2
    assert told in done.stderr
    assert SECRET not in done.output
    assert "Traceback" not in done.output


def test_every_bad_setting_is_told_at_once(run: Run) -> None:
    done = run("serve", GATEWAY_PORT="x", GETATEXT_TIER="gold")

    assert "GATEWAY_PORT: " in done.stderr
    assert "GETATEXT_TIER: " in done.stderr


@pytest.mark.parametrize("content", [b"gateway_port = = 1", b"gateway_port = '\xff'"])
def test_a_file_that_is_not_toml_is_named(content: bytes, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "gateway.toml"
    path.write_bytes(content)
    done = run("balance", GATEWAY_CONFIG=str(path))

    assert done.exit_code == 2
    assert "The file that GATEWAY_CONFIG names is not TOML" in done.stderr


def test_a_bad_value_in_the_file_is_named_like_one_in_the_environment(
    tmp_path: Path, run: Run
) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(f'gateway_port = "{SECRET}"')
    done = run("balance", GATEWAY_CONFIG=str(path))

    assert done.exit_code == 2
    assert "GATEWAY_PORT: should be a valid integer" in done.stderr
    assert SECRET not in done.output


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("gateway_prot = 8123", "gateway_prot is no setting; did you mean gateway_port?"),
        ("colour = 'red'", "colour is no setting"),
    ],
)
def test_a_name_in_the_file_that_is_no_setting_is_told(
    line: str, told: str, tmp_path: Path, run: Run
) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(line)
    done = run("balance", GATEWAY_CONFIG=str(path))

    assert done.exit_code == 2
    assert told in done.stderr


def test_a_slip_in_the_environment_is_told_and_other_programs_names_are_not(run: Run) -> None:
    slips = {"GATEWAY_PROT": "1", "GATEWAY_SERVICE_HOST": "10.0.0.1", "GATEWAY_CONFIG": ""}
    done = run("serve", GATEWAY_DATABASE_URL="mysql://x", **slips)

    assert "Warning: GATEWAY_PROT is no setting; did you mean GATEWAY_PORT?" in done.stderr
    assert "SERVICE_HOST" not in done.stderr
    assert "GATEWAY_CONFIG" not in done.stderr


@pytest.mark.parametrize(
    ("given", "on"),
    [
        ({}, True),
        ({"gateway_host": "localhost"}, True),
        ({"gateway_host": "127.3.2.1"}, True),
        ({"gateway_host": "::1"}, True),
        ({"gateway_host": "0.0.0.0"}, False),
        ({"gateway_host": "::"}, False),
        ({"gateway_host": "10.1.2.3"}, False),
        ({"gateway_host": "gateway.example"}, False),
        ({"gateway_host": "0.0.0.0", "gateway_pass_through": True}, True),
        ({"gateway_pass_through": False}, False),
    ],
    ids=str,
)
def test_strangers_may_bring_keys_by_default_on_this_machine_only(
    given: dict[str, Any], on: bool
) -> None:
    assert Settings(**given).pass_through is on


FAR = f"http://user:{SECRET}@provider.example.com:81/{SECRET}"
NEAR = ("https://provider.example.com", "http://127.0.0.1:9", "http://[::1]:9", "http://localhost")


def warned(capsys: pytest.CaptureFixture[str], gateway: str | None = None, **given: Any) -> str:
    """What the log says of these settings."""
    logs.configure("json", "info")
    warn_of_plain_http(Settings(**given), gateway)
    said = capsys.readouterr().err
    assert SECRET not in said
    return said


def test_what_goes_unencrypted_to_another_machine_is_warned_of_once_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    targets = [f"http://a.example/{SECRET}", "http://192.168.1.2:5", *NEAR]
    said = warned(capsys, getatext_base_url=FAR, getatext_webhook_forward=targets)
    lines = [json.loads(line) for line in said.splitlines()]

    assert [(line["level"], line["setting"], line["to"]) for line in lines] == [
        ("warning", "GETATEXT_BASE_URL", "http://provider.example.com:81"),
        ("warning", "GETATEXT_WEBHOOK_FORWARD", "http://a.example"),
        ("warning", "GETATEXT_WEBHOOK_FORWARD", "http://192.168.1.2:5"),
    ]


@pytest.mark.parametrize("url", NEAR)
def test_what_is_encrypted_or_stays_on_this_machine_is_not_warned_of(
    capsys: pytest.CaptureFixture[str], url: str
) -> None:
    assert warned(capsys, url, getatext_base_url=url, getatext_webhook_forward=[url]) == ""
    assert warned(capsys, getatext_base_url=url) == ""


def test_of_a_gateway_elsewhere_only_its_own_address_counts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "--gateway" in warned(capsys, FAR)
    assert warned(capsys, "https://gateway.example.com", getatext_base_url=FAR) == ""
    assert warned(capsys, "http://[") == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["serve", "--host", "203.0.113.1"], ["GETATEXT_BASE_URL"]),
        (["serve", "--simulate", "--host", "203.0.113.1"], []),
        (["mcp", "--gateway", "http://gateway.example.com"], ["--gateway"]),
    ],
)
def test_the_commands_that_run_warn_at_their_start(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: list[str], told: list[str]
) -> None:
    async def at_once(*_: Any) -> None:
        sys.stderr.flush()  # click 8.2.0 shows no more than that

    monkeypatch.setattr("gateway.wiring.serve_stdio", at_once)
    done = run(*words, GETATEXT_BASE_URL=FAR, GATEWAY_LOG_FORMAT="json")
    lines = [line for line in done.stderr.splitlines() if "unencrypted" in line]

    assert [json.loads(line)["setting"] for line in lines] == told
    assert SECRET not in done.output


@pytest.mark.parametrize(
    "words",
    [("--silent", "0.4"), ("--cancel-lock", "0"), ("--code-after", "9"), ("--no-stock", "all")],
)
def test_the_simulated_provider_has_options_only_where_there_is_one(
    run: Run, words: tuple[str, str]
) -> None:
    done = run("serve", *words)

    assert done.exit_code == 2
    assert "--simulate" in done.stderr
    assert words[0] in done.stderr


def test_a_simulated_service_without_stock_must_be_one(run: Run) -> None:
    done = run("simulate", "--no-stock", "telegram,watsapp")

    assert done.exit_code == 2
    assert "there is no service 'watsapp'. Did you mean whatsapp?" in done.stderr


def test_all_stands_for_every_simulated_service() -> None:
    assert SimulatedServices().convert("all", None, None) == frozenset(simulated_services())


def test_a_proxy_s_login_is_a_secret_however_it_is_written() -> None:
    url = "http://me:p%40ss-w0rd@proxy.example:3128"
    settings = Settings(getatext_proxy=SecretStr(url))

    assert {url, "p@ss-w0rd", "p%40ss-w0rd"} <= set(secrets_of(settings))
    assert "ss-w0rd" not in f"{settings!r} {settings.model_dump_json()}"


async def test_the_simulated_provider_is_reached_without_a_proxy() -> None:
    settings = Settings(getatext_proxy=SecretStr("http://proxy.example:3128"))
    async with open_simulator() as provider:
        assert pointed_at(settings, provider, "/nowhere").getatext_proxy is None


async def test_the_simulated_provider_decides_what_an_expiry_gives_back() -> None:
    settings = Settings(getatext_expiry_refunds=False)
    async with open_simulator() as provider:
        pointed = pointed_at(settings, provider, "/nowhere")
        other = pointed_at(settings, replace(provider, expiry_refunds=False), "/nowhere")

    assert pointed.getatext_expiry_refunds
    assert not other.getatext_expiry_refunds
