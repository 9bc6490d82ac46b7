"""The REST face under /v1, generated from the catalog of operations.

May import gateway.http.wire and the core.
"""
