"""The catalog: every operation, declared once as data, one module for each noun.

May import gateway.core.codes, gateway.core.jobs and what is below them.
"""
