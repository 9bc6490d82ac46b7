"""The protocol's error tokens, and the token of each error."""

from decimal import Decimal
from types import MappingProxyType

from gateway.core.model import errors, http_errors, provider_errors
from gateway.core.model.errors import GatewayError
from gateway.core.model.values import money_text

NO_KEY = "NO_KEY"
BAD_ACTION = "BAD_ACTION"
BANNED = "BANNED"
BAD_SERVICE = "BAD_SERVICE"
BAD_STATUS = "BAD_STATUS"
NO_NUMBERS = "NO_NUMBERS"
NO_BALANCE = "NO_BALANCE"
NO_ACTIVATION = "NO_ACTIVATION"
STATUS_WAIT_RETRY = "STATUS_WAIT_RETRY"
CHANNELS_LIMIT = "CHANNELS_LIMIT"
EARLY_CANCEL_DENIED = "EARLY_CANCEL_DENIED"
WRONG_MAX_PRICE = "WRONG_MAX_PRICE"
WRONG_ACTIVATION_ID = "WRONG_ACTIVATION_ID"
# Every client reads it as "server trouble, try again"; also sent for faults of the set-up.
TROUBLE = "ERROR_SQL"

_TOKENS: MappingProxyType[type[BaseException], str] = MappingProxyType(
    {
        errors.Unauthorized: "BAD_KEY",
        errors.Forbidden: BANNED,
        errors.BudgetExceeded: NO_BALANCE,
        errors.ServiceNotAllowed: BAD_SERVICE,
        errors.ServiceNotFound: BAD_SERVICE,
        errors.RentalNotFound: NO_ACTIVATION,
        errors.RequestIdReused: "ORDER_ALREADY_EXISTS",
        errors.InvalidRequest: BAD_ACTION,
        http_errors.MethodNotAllowed: BAD_ACTION,
        http_errors.PayloadTooLarge: BAD_ACTION,
        http_errors.RequestTimeout: BAD_ACTION,
        http_errors.UnsupportedMediaType: BAD_ACTION,
        provider_errors.OutOfStock: NO_NUMBERS,
        # Where a higher price would help, the purchase quotes it instead.
        provider_errors.PriceTooHigh: NO_NUMBERS,
        provider_errors.InsufficientFunds: NO_BALANCE,
        provider_errors.TooManyActiveRentals: CHANNELS_LIMIT,
        provider_errors.CancelTooEarly: EARLY_CANCEL_DENIED,
        provider_errors.CodeAlreadyReceived: BAD_STATUS,
        provider_errors.RentalEnded: BAD_STATUS,
    }
)


def token_of(error: GatewayError) -> str:
    """The token of an error; TROUBLE, which means "try again", for those without one."""
    kinds = (_TOKENS.get(kind) for kind in type(error).__mro__)
    return next((token for token in kinds if token), TROUBLE)


def wrong_max_price(lowest: Decimal) -> str:
    """The refusal of a price limit that is too low; `lowest` is the lowest sufficient one."""
    return f"{WRONG_MAX_PRICE}:{money_text(lowest)}"
