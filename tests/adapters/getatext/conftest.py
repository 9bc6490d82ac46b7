"""Shared by the tests of the provider's adapter."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

from tests.adapters.getatext.scripted import ScriptedServer

# `pytest tests/adapters/getatext -k properties --hypothesis-profile=many` looks much harder.
settings.register_profile("many", max_examples=100_000, deadline=None)


@pytest.fixture
async def getatext() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server
