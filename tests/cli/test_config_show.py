import json
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import Settings
from gateway.settings.masking import masked_url
from tests.cli.conftest import Run

SECRET = "kq7Plain-0wn"
SECRETS = [
    name for name in Settings.model_fields if name.endswith(("key", "secret", "token", "proxy"))
]

URLS = [
    (f"postgresql://joe:{SECRET}@db.example:5432/ledger", "postgresql://joe:…@db.example:5432/ledger"),
    (f"postgresql://db/x?user=joe&password={SECRET}", "postgresql://db/x?…"),
    (f"postgresql://joe:{SECRET}@one:1,[::1]:2/x", "postgresql://joe:…@one:1,[::1]:2/x"),
    (f"postgresql://joe:{SECRET}/@db/x", "postgresql://…"),
    (f"postgresql://joe:a?{SECRET}@db/x", "postgresql://…"),
    (f"postgresql://joe:a@{SECRET}@db/x", "postgresql://…"),
    (f"postgresql://joe:a@db/x?password=a@{SECRET}", "postgresql://…"),
    (f"postgresql://joe:{SECRET}", "postgresql://…"),
    (f"joe:{SECRET}@db", "…"),
    (f"https://{SECRET}@proxy.example/", "https://…@proxy.example/"),
    (f"https://joe:{SECRET}@proxy.example", "https://…:…@proxy.example"),
    ("https://gateway.example/base/", "https://gateway.example/base/"),
    ("sqlite:////srv/a@b/gateway.db", "sqlite:////srv/a@b/gateway.db"),
    ("sqlite://me:pw@host/db", "sqlite://…:…@host/db"),
]  # fmt: skip


@pytest.mark.parametrize(("url", "shown"), URLS)
def test_a_url_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert masked_url(url) == shown


def test_settings_are_shown_by_where_they_come_from(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text('GATEWAY_HOST = "0.0.0.0"\ngateway_port = 1\n')
    env = {"GATEWAY_CONFIG": str(path), "gateway_port": "9000", "GATEWAY_LOG_LEVEL": ""}
    brief = run("config", "show", **env)
    full = run("config", "show", "--all", **env).stdout

    assert brief.exit_code == 0
    assert brief.stdout.split("\n\n")[:2] == [
        f"From {path}:\n  GATEWAY_HOST  0.0.0.0",
        "From the environment:\n  GATEWAY_PORT  9000",
    ]
    assert f"{len(Settings.model_fields) - 2} others have their defaults" in brief.stdout
    assert "GATEWAY_LOG_LEVEL                  info\n" in full
    assert "GATEWAY_PASS_THROUGH               false\n" in full
    assert f"GATEWAY_DATA_DIR                   {tmp_path / 'data' / 'getatext-gateway'}\n" in full
    assert "Nothing is set" in run("config", "show").stdout


def test_secrets_are_told_as_set_and_never_shown(run: Run) -> None:
    env = {name.upper(): SECRET for name in SECRETS}
    env |= {"GATEWAY_KEY": f"gtw_{SECRET}", "GETATEXT_PROXY": f"http://u:{SECRET}@proxy:3128"}
    env["GETATEXT_WEBHOOK_FORWARD"] = json.dumps([f"https://u:{SECRET}@n8n.example/{SECRET}"])
    env["GATEWAY_DATABASE_URL"] = f"postgresql://joe:{SECRET}@db/x"
    shown, told = (
        run("config", "show", **env),
        json.loads(run("config", "show", "--json", **env).stdout),
    )
    rows: dict[str, Any] = {row["name"].lower(): row for row in told["settings"]}

    assert len(SECRETS) >= 5
    assert shown.stdout.count("set, not shown") == len(SECRETS)
    assert '["https://…:…@n8n.example/…"]' in shown.stdout
    assert SECRET not in shown.output + json.dumps(told)
    assert [name for name, row in rows.items() if row["masked"]] == [
        name for name in Settings.model_fields if name in SECRETS
    ]
    assert rows["gateway_port"] == {
        "name": "GATEWAY_PORT", "value": 8080, "source": "default", "masked": False, "fault": None,
    }  # fmt: skip


def test_bad_settings_are_shown_with_their_faults_among_the_good_ones(run: Run) -> None:
    env = {"GATEWAY_PORT": SECRET, "GATEWAY_CORS_ORIGINS": SECRET, "GATEWAY_HOST": "::1"}
    shown = run("config", "show", GATEWAY_PROT="1", **env)
    rows = json.loads(run("config", "show", "--json", **env).stdout)["settings"]

    assert shown.exit_code == 2
    assert "GATEWAY_PORT          cannot be used: should be a valid integer" in shown.stdout
    assert 'CORS_ORIGINS  cannot be used: is not a JSON list such as ["text"]\n' in shown.stdout
    assert "GATEWAY_HOST          ::1\n" in shown.stdout
    assert "Warning: GATEWAY_PROT is no setting" in shown.stderr
    assert SECRET not in shown.output + json.dumps(rows)
    assert [row["name"] for row in rows if row["fault"]] == ["GATEWAY_PORT", "GATEWAY_CORS_ORIGINS"]


def test_a_file_that_cannot_be_read_is_told(run: Run) -> None:
    shown = run("config", "show", GATEWAY_CONFIG="/no/such/file")

    assert shown.exit_code == 2
    assert "GATEWAY_CONFIG names /no/such/file" in shown.stderr


def test_bad_lists_and_other_faults_are_told_at_once(run: Run) -> None:
    told = run("serve", GATEWAY_PORT="x", GATEWAY_CORS_ORIGINS="x", GETATEXT_RATES="x").stderr

    assert "GATEWAY_PORT: should be" in told
    assert "GATEWAY_CORS_ORIGINS: is not a JSON list" in told
    assert "GETATEXT_RATES: is not a JSON object" in told
