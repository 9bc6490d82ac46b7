"""Buying once, within limits, written down: every purchase goes through here.

May import gateway.core.operations and what is below it.
"""
