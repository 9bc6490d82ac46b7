"""Bytes to values and back, whichever face asks: keys, inputs, forms, problem documents, responses.

The bottom of gateway.http: may import the core only, and no face.
"""
