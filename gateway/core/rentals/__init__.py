"""Rentals: repository, single-flight status reads, reconciliation of lost purchases.

May import gateway.core.prices, gateway.core.upstream, the ports and the model.
"""
