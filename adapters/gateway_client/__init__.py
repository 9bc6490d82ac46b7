"""The client of a gateway elsewhere: runs operations by its REST API, each sent once.

`client` sends, `replies` reads. May import the core and aiohttp.
"""
