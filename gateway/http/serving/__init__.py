"""The aiohttp application that holds all faces, and the server that runs it.

The top of gateway.http: may import every other folder of it.
"""
