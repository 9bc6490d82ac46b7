"""Getatext's own two APIs: the calls under /api/v1 and the GET actions of handler_api.

May import the modules of gateway.http.dropins, gateway.http.wire and the core.
"""
