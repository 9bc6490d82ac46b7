"""The control endpoint, by which a test sets the rules of a running simulator and reads its report.

May import adapters.simulator.provider and adapters.simulator.wire.
"""
