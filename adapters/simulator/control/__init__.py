"""The control endpoint: a test changes the settings of a running simulator and reads its state.

May import adapters.simulator.provider and adapters.simulator.wire.
"""
