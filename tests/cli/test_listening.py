"""What commands say of where the gateway listens."""

from pathlib import Path

import pytest

from adapters.simulator import DEMO_KEY
from gateway.cli.commands.serve import _show_calls
from tests.cli.conftest import Run

HOSTS = [  # where it listens, its public URL, and how the webhook's URL begins
    ("127.0.0.1", "", "http://127.0.0.1:8080/webhooks/getatext/"),
    ("::1", "", "http://[::1]:8080/webhooks/getatext/"),
    ("[::1]", "", "http://[::1]:8080/webhooks/getatext/"),
    ("::1", "https://sms.example/getatext/", "https://sms.example/getatext/webhooks/getatext/"),
    ("unix:/run/x.sock", "https://sms.example", "https://sms.example/webhooks/getatext/"),
]


@pytest.mark.parametrize(("host", "public", "begins"), HOSTS)
def test_the_webhook_s_url_is_one(host: str, public: str, begins: str, run: Run) -> None:
    told = {"GATEWAY_HOST": host, "GATEWAY_PUBLIC_URL": public, "GETATEXT_API_KEY": DEMO_KEY}
    done = run("provider-webhook", GETATEXT_BASE_URL="http://127.0.0.1:9", **told)

    assert done.exit_code == 0
    assert done.stdout.startswith(begins)


def test_a_unix_socket_has_no_url_by_itself(run: Run) -> None:
    told = {"GATEWAY_HOST": "unix:/run/gateway.sock", "GETATEXT_API_KEY": DEMO_KEY}
    done = run("provider-webhook", GETATEXT_BASE_URL="http://127.0.0.1:9", **told)

    assert done.exit_code == 2
    assert "GATEWAY_PUBLIC_URL: set it" in done.stderr


def test_a_socket_that_cannot_be_listened_on_is_told_in_one_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("kept")
    done = run("serve", "--simulate", "--host", f"unix:{file}")

    assert done.exit_code == 1
    assert f"Error: {file} is a file that is no socket. Choose another --host." in done.stderr
    assert file.read_text() == "kept"


@pytest.mark.parametrize("path", ["", "/run/" + "long" * 30])
def test_a_socket_s_path_must_be_one(run: Run, path: str) -> None:
    done = run("serve", "--host", f"unix:{path}")

    assert done.exit_code == 2
    assert "GATEWAY_HOST: is not a Unix socket such as unix:/run/getatext" in done.stderr


def test_the_call_to_try_at_a_socket_goes_there(capsys: pytest.CaptureFixture[str]) -> None:
    _show_calls("sk_demo", 1, "gtw_demo")("unix:/run/my gateway.sock")

    assert (
        "curl -sS --unix-socket '/run/my gateway.sock' -H 'X-API-Key: sk_demo' http://localhost/"
        in capsys.readouterr().out
    )
