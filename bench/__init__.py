"""What the gateway costs, measured against plainer programs on the same machine."""
