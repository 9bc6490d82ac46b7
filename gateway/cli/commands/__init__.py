"""One file for each command, named like it. They open a gateway through gateway.cli.session.

May import the modules of gateway.cli, the wiring and the core, never an adapter.
"""
