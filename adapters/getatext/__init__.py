"""Everything the provider taught us: pure readers by noun, and a client that only moves bytes."""
