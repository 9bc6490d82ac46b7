"""The provider of test keys: a sandbox inside the gateway, which sells nothing and costs nothing.

Whatever it says of a rental is a pure function of the ledger's row and the time, so every node
says the same, also after a restart. May import the core; speaks to nobody.
"""
