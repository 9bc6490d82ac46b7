"""The event stream at /v1/events (server-sent events): one feed per account, one stream per client.

May import gateway.http.wire and the core.
"""
