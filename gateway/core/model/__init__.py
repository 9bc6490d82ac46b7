"""The data model: values, inputs, errors and ledger entries of purchases. No I/O, no state.

The bottom layer of the core: may import pydantic and its own modules only.
"""
