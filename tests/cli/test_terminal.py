"""Commands as people use them: at a terminal."""

from adapters.simulator import DEMO_KEY
from tests.cli.conftest import Provider
from tests.support.terminal import at_terminal


def test_a_list_is_a_table_at_a_terminal_as_wide_as_that_is(provider: Provider) -> None:
    env = {"GETATEXT_BASE_URL": provider.url, "GETATEXT_API_KEY": DEMO_KEY}
    shown = at_terminal("prices", "whats", env=env, columns=60)

    assert "\x1b[" in shown.raw
    assert "whatsapp" in shown.text
    assert max(map(len, shown.text.splitlines())) <= 60
    assert shown.exit_code == 0
