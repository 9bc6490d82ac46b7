"""One file for each command, named like it; the commands of a group share one.

May import the modules of gateway.cli, the wiring and the core, never an adapter.
"""
