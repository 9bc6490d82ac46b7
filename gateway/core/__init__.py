"""The pure heart: values, errors, operations and policies. No network, database or environment."""
