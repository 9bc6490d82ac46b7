"""Sends events to the webhooks of keys: to public addresses only.

May import the core's ports and aiohttp.
"""
