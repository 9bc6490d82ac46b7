"""Getatext: addresses, bodies and readers by noun, and a client that only moves bytes.

Everything the provider taught us is here. May import the core and aiohttp.
"""
