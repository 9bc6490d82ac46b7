"""Waiting for codes: polling the provider, waking those who wait, webhooks that tell of a code.

May import gateway.core.rentals and what is below it, not gateway.core.jobs.
"""
