"""One call to the provider, made safely: rate limiter, circuit breaker, retries.

May import gateway.core.ports and gateway.core.model.
"""
