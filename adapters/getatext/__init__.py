"""The adapter of the provider Getatext: endpoints and parsers by noun, and the HTTP client.

All knowledge of the provider's API is here. Comments name the source of each fact: page (the
provider's documentation), client (existing client code), live (observed), guess. May import the
core and aiohttp.
"""
