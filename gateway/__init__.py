"""Getatext Gateway: one clean surface in front of Getatext, for every kind of caller.

The core, the faces on HTTP, the command line and the wiring that puts them together.
"""
