"""Runs the official conformance suite of the protocol against our bridge: `make conformance`."""
