"""Getatext Gateway: one clean surface in front of Getatext, for every kind of caller.

The core, the faces on HTTP, the command line, and the wiring, which alone may import adapters and
mcp_server. From top to bottom: cli, wiring, then http, settings and telemetry, then core.
"""
