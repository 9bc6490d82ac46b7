"""The provider's two HTTP APIs and its webhook, with its own paths and field names.

May import adapters.simulator.provider.
"""
