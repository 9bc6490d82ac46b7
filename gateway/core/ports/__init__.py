"""What the core needs of the world, as Protocols that adapters fit without inheriting.

May import gateway.core.model.
"""
