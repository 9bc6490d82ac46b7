from tests.support.stores import keys, ledger, postgres, postgres_url, store, store_url

__all__ = ["keys", "ledger", "postgres", "postgres_url", "store", "store_url"]
