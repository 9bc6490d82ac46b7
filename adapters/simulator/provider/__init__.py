"""The simulated provider itself: accounts, catalogue, rentals, faults. It opens no socket.

May import nothing outside this folder.
"""
