"""What every test gets: no settings and no data of this machine, and the option --many."""

import os
import shutil
import tempfile
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as examples

# What they drive is in environments of its own: `make test-browser`, `make test-agents`.
APART = {"browser": find_spec("playwright"), "agents": os.environ.get("AGENTS")}
collect_ignore = [folder for folder, there in APART.items() if not there]
MINE = ("GETATEXT_", "GATEWAY_")
SLOW = [HealthCheck.too_slow]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--many",
        action="store_true",
        help="the long versions: 100,000 generated provider bodies, a storm of a minute; "
        "with -o faulthandler_timeout=0",
    )


def pytest_configure() -> None:
    """The machine's own settings must not leak into tests, nor into programs they start.

    Nor do tests write into this user's data.
    """
    # A busy machine is no fault of an example.
    examples.register_profile("any machine", deadline=None, suppress_health_check=SLOW)
    examples.load_profile("any machine")
    for name in [name for name in os.environ if name.upper().startswith(MINE)]:
        del os.environ[name]
    os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp(prefix="gateway-tests-")


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["XDG_DATA_HOME"], ignore_errors=True)


@pytest.fixture
def many(request: pytest.FixtureRequest) -> bool:
    """Whether the long versions are asked for: --many was given."""
    return bool(request.config.getoption("--many"))
