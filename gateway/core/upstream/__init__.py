"""Calls to the provider: rate limiter, circuit breakers, retries.

May import gateway.core.ports and gateway.core.model.
"""
