"""`python -m tests.mcp.transcripts`: plays every conversation and writes it down."""

import asyncio

from tests.mcp.transcripts.conversations import CONVERSATIONS


async def main() -> None:
    for conversation in CONVERSATIONS:
        conversation.path.write_text(await conversation.played(), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
