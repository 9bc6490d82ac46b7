"""Who asks (authentication) and what it may buy (authorization).

May import gateway.core.ports and gateway.core.model.
"""
