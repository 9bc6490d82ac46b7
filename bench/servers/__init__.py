"""What the gateway is measured with and against; each module runs as a process of its own."""
