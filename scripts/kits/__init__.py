"""Writes the kits that are made from the catalog, its examples and the Swagger document.

`python -m scripts.kits --write`, or `--check`, which exits with 1 where a committed file differs.
"""
