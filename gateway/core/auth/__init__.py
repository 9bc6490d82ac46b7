"""Authentication of callers, and authorization of their purchases.

May import gateway.core.ports and gateway.core.model.
"""
