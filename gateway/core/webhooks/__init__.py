"""Outgoing webhooks: events sent to the URLs of keys.

May import rentals and what is below it.
"""
