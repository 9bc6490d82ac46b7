"""How an operator settles a purchase of unknown outcome, in the words of every message."""


def settling(ledger_id: str | None = None) -> str:
    """The command that settles it."""
    return f"getatext-gateway ledger resolve {ledger_id or 'LEDGER_ID'}"


def settled_with(ledger_id: str | None = None) -> str:
    """The sentence that names this command, for callers too who are not the operator."""
    return f"The operator settles it with `{settling(ledger_id)}`."


def named(detail: str, ledger_id: str) -> str:
    """The detail of an error with this purchase in that sentence, where it holds it."""
    return detail.replace(settled_with(), settled_with(ledger_id))
