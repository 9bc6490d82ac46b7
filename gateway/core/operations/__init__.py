"""The catalog of operations: declared as data, one module for each noun.

May import gateway.core.codes, gateway.core.jobs and what is below them.
"""
