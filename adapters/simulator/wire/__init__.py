"""The provider's two HTTP APIs and its webhook, in the provider's own words.

May import adapters.simulator.provider.
"""
