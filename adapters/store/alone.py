"""What one process has to itself: nobody else to share with, nobody else to hear from."""


class AloneLeases:
    """The leases of a file: one gateway serves from it, and commands never watch a rental."""

    async def take(self, name: str, seconds: float) -> bool:
        """Always had."""
        return True

    async def give_back(self, name: str) -> None:
        """Nobody else wants it."""
