"""Metrics and the log.

May import the core only.
"""
