"""Tables, statements and the Protocol of a database: what both databases share.

May import adapters.store.errors and the core.
"""
