"""What agents are told in the conversations that used to go wrong, word for word."""

import pytest

from tests.mcp.transcripts.conversations import CONVERSATIONS
from tests.mcp.transcripts.playing import WRITTEN, Conversation


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda conversation: conversation.name)
async def test_a_conversation_goes_as_it_is_written_down(conversation: Conversation) -> None:
    written = conversation.path.read_text(encoding="utf-8")

    assert await conversation.played() == written, "run: make transcript"


def test_nothing_else_is_written_down() -> None:
    assert {path.name for path in WRITTEN.iterdir()} == {each.path.name for each in CONVERSATIONS}
