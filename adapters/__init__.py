"""What stands behind the core's ports: the provider, the stores and a stand-in provider."""
