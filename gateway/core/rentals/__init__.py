"""What is known of rentals: the repository, shared status reads, the search for lost purchases.

May import gateway.core.prices, gateway.core.upstream, the ports and the model.
"""
