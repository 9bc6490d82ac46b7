"""Price lists: cache, search, and the service codes of legacy tools.

May import gateway.core.upstream, the ports and the model.
"""
