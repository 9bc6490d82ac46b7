"""What people see of each list: its columns, those that go first, and what an empty one says."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

RENT_ONE = "Rent one: getatext-gateway rent SERVICE"


@dataclass(frozen=True, slots=True)
class Listing:
    """One list, for people. No columns named: all of them.

    `columns` are shown in this order, without those that are empty in every row; `goes_first` names
    those that are left out, one after the other, where a terminal is too narrow for all. `what`
    and `empty` are for an empty list: what was listed, and a sentence that says what to do.
    """

    columns: tuple[str, ...] = ()
    goes_first: tuple[str, ...] = ()
    what: str = "rows"
    empty: str = "Nothing found."

    def nothing(self, narrowed_by: Collection[str] = ()) -> str:
        """What an empty list says; `narrowed_by`: the options that may have left it so."""
        if not narrowed_by:
            return self.empty
        return f"No {self.what} fit {', '.join(narrowed_by)}. Leave that out to see more."


def _listing(columns: str, goes_first: str, what: str, empty: str) -> Listing:
    return Listing(tuple(columns.split()), tuple(goes_first.split()), what, empty)


PURCHASES = _listing(
    "ledger_id at state service_code reserved charged refunded",
    "refunded reserved service_code",
    "purchases",
    f"No purchases yet. {RENT_ONE}",
)
UNKNOWN_PURCHASES = _listing(
    "ledger_id at operation service_code reserved",
    "reserved service_code",
    "purchases",
    "No purchase is of unknown outcome: there is nothing to settle.",
)
SERVICE_CODES = _listing(
    "code service_code price stock dialect means",
    "stock price dialect",
    "service codes",
    "No service codes.",
)

LISTINGS: Mapping[str, Listing] = {
    "list_prices": _listing(
        "service_code service_name price stock ttl_minutes multiple_sms",
        "multiple_sms ttl_minutes stock",
        "prices",
        "No prices.",
    ),
    "list_rentals": _listing(
        "id status service_code number code price ends_at",
        "ends_at price service_code",
        "rentals",
        f"No rentals yet. {RENT_ONE}",
    ),
    "list_events": _listing(
        "id type timestamp rental_id service_code number code details",
        "service_code number details",
        "events",
        f"No events yet: they tell what happens to rentals. {RENT_ONE}",
    ),
    "get_usage": _listing(
        "group name rentals codes cancelled expired net success_rate median_seconds",
        "expired cancelled median_seconds",
        "purchases",
        f"Nothing was bought yet. {RENT_ONE}",
    ),
    "list_keys": _listing(
        "id name status spent_total left_today left_total expires_at",
        "spent_total expires_at left_total",
        "keys",
        "No keys yet. Make one: getatext-gateway keys create --name NAME --budget-day USD",
    ),
    "list_audit_log": _listing(
        "timestamp actor_name actor action subject details",
        "actor details",
        "entries",
        "Nothing was changed yet.",
    ),
    "list_webhooks": _listing(
        "id status url events service_code description format",
        "format description service_code",
        "webhooks",
        "No webhooks yet. Make one: getatext-gateway webhooks create URL --events TYPES",
    ),
    "list_webhook_deliveries": _listing(
        "event_id type state tries status error tried_at next_try_at",
        "tries next_try_at type error",
        "deliveries",
        "Nothing was sent yet.",
    ),
    "list_long_rentals": _listing(
        "id status number price period auto_renew rented_on ends_on",
        "rented_on period auto_renew",
        "long rentals",
        "No long rentals yet. Rent one: getatext-gateway long create PERIOD",
    ),
    "list_messages": _listing(
        "received_at sender text",
        "sender",
        "messages",
        "No messages yet. Wait for one: getatext-gateway long messages ID --wait 25",
    ),
}
"""The lists that operations give, by the name of the operation."""
