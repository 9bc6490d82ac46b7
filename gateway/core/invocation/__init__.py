"""The entry point of the core: validates, authorizes and runs operations for all faces.

The top layer of the core: may import all its other packages.
"""
