"""Builds the stages of purchases."""

from adapters.store import Store
from gateway.core.auth.authentication import Callers
from gateway.core.auth.authorization import OperatorLimits
from gateway.core.model.values import new_ledger_id
from gateway.core.ports.clock import Clock
from gateway.core.purchases.idempotency import FirstAnswer, SameRequest
from gateway.core.purchases.purchasing import Stages, WithinLimits
from gateway.core.purchases.redelivery import Redelivery
from gateway.core.purchases.sending import Sent, WrittenDown
from gateway.core.rentals.unwritten import Unwritten
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics


def stages(
    settings: Settings,
    store: Store,
    unwritten: Unwritten,
    callers: Callers,
    clock: Clock,
    metrics: Metrics,
) -> Stages:
    """The stages of purchases, outermost first."""
    ledger = store.ledger
    # Seconds a repeated request waits for the first one's answer: as long as a purchase takes.
    patience = settings.getatext_connect_seconds + settings.getatext_spend_seconds + 5
    operator = OperatorLimits(
        own_account=callers.own.id if callers.own else None,
        budget_day=settings.gateway_budget_day,
        blocked_services=frozenset(settings.gateway_blocked_services),
    )
    first_answer = FirstAnswer(ledger, unwritten, clock, patience=patience)
    return Stages(
        same_request=SameRequest(first_answer, patience=patience),
        first_answer=first_answer,
        redelivery=Redelivery(
            ledger,
            unwritten,
            clock,
            seconds=settings.gateway_redelivery_seconds,
            patience=patience,
        ),
        limits=WithinLimits(clock, new_ledger_id, operator),
        written_down=WrittenDown(ledger, unwritten),
        sent=Sent(ledger, unwritten, clock, metrics),
    )
