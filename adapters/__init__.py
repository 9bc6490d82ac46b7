"""What stands behind the core's ports: the provider, the databases, a stand-in provider.

Each package knows the core and its own library, and none of the others; only the wiring imports
them.
"""
