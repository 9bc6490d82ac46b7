"""The statements on each group of tables, and the ports of the core that they fulfil.

May import adapters.store.sql and the core; knows no driver.
"""
