"""The command line. What is slow to import is imported by the command that needs it.

May import the wiring, the settings, telemetry and the core, never an adapter.
"""
