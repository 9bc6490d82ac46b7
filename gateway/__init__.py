"""Getatext Gateway: one clean surface in front of Getatext, for every kind of caller."""
