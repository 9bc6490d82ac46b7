"""What is said: values, inputs, errors, and what is written down of a purchase. No behaviour.

The bottom of the core: imports pydantic, and nothing of ours but its own modules.
"""
