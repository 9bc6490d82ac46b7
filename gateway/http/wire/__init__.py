"""What all faces read and write: keys, inputs, forms, problem documents, prebuilt responses.

The bottom of gateway.http: may import the core only, and no face.
"""
