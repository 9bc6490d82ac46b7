from collections.abc import AsyncIterator

import pytest

from tests.faces.support import QUIET, Tool, tool_of
from tests.support.gateway import Stand, run_simulated


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    async with run_simulated(QUIET) as stand:
        yield stand


@pytest.fixture
def tool(stand: Stand) -> Tool:
    return tool_of(stand)
