"""What stands behind the core's ports: the provider, the databases, a stand-in provider.

And the client of a gateway elsewhere, which stands in the place of the whole core.

Each package knows the core and its own library, and none of the others; only the wiring imports
them.
"""
