"""The REST face under /v1, and the OpenAPI document generated from the same operations.

May import gateway.http.wire and the core.
"""
