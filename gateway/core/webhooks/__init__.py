"""Outgoing webhooks: events sent to the URLs of keys.

May import gateway.core.codes and what is below it.
"""
