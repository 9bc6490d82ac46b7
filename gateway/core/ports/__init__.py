"""The interfaces that the core needs, as Protocols which adapters implement structurally.

May import gateway.core.model.
"""
