from pathlib import Path
from typing import Any

import pytest

from gateway.settings import Settings
from tests.cli.conftest import Run

SECRET = "kq7Plain-0wn"

BAD = [
    ("GATEWAY_PORT", SECRET, "GATEWAY_PORT: should be a valid integer"),
    ("GATEWAY_PORT", "70000", "GATEWAY_PORT: should be less than or equal to 65535"),
    ("GETATEXT_TIER", SECRET, "GETATEXT_TIER: should be 'standard' or 'premium'"),
    ("GETATEXT_BASE_URL", SECRET, "GETATEXT_BASE_URL: should be a valid URL"),
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
