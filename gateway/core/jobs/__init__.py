"""Background jobs: housekeeping, and forwarding of webhooks.

May import gateway.core.rentals and what is below it, not gateway.core.codes.
"""
