"""What an operator sees: metrics and the log.

May import the core, and nothing else of ours.
"""
