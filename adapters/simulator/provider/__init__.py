"""The stand-in provider itself: books, catalogue, rentals, faults. It opens no socket.

May import nothing outside this folder.
"""
