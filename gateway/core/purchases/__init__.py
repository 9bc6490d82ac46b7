"""Purchases: idempotency, limits, ledger entries, settlement.

May import gateway.core.operations and what is below it.
"""
