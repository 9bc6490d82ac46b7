from tests.support.stores import postgres, postgres_url, store_url

__all__ = ["postgres", "postgres_url", "store_url"]
