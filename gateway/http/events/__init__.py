"""The event stream, /v1/events/stream (server-sent): a feed per account, a stream per client.

May import gateway.http.wire and the core.
"""
