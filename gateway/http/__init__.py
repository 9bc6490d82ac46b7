"""The aiohttp faces; they know the core only."""
