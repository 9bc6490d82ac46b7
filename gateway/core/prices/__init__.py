"""Price lists: the cache, the search in a list, and the service codes of legacy tools.

May import gateway.core.upstream, the ports and the model.
"""
