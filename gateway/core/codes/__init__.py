"""SMS codes: polling the provider, waiting for a code, webhooks, event subscriptions.

May import gateway.core.rentals and what is below it, not gateway.core.jobs.
"""
