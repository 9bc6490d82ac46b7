"""The parts of OAuth."""

from adapters.store import Store
from gateway.core.auth.authentication import Callers, KeyHasher
from gateway.core.auth.oauth.attempts import Attempts
from gateway.core.auth.oauth.clients import OAuthClients
from gateway.core.auth.oauth.consent import Consent
from gateway.core.auth.oauth.grants import OAuthGrants
from gateway.core.auth.oauth.service import OAuth
from gateway.core.auth.oauth.sign_ins import SignIns
from gateway.core.ports.clock import Clock

_WRONG_KEYS, _WRONG_SECONDS = 10, 60.0
_REGISTRATIONS, _REGISTRATION_SECONDS = 100, 600.0


def make_oauth(store: Store, callers: Callers, hasher: KeyHasher, clock: Clock) -> OAuth:
    """The authorization server over an open store."""
    return OAuth(
        clients=OAuthClients(store.oauth, hasher, clock),
        sign_ins=SignIns(hasher, clock),
        consent=Consent(store.oauth, store.keys, callers, hasher, clock),
        grants=OAuthGrants(store.oauth, store.keys, callers, hasher, clock),
        wrong_keys=Attempts(_WRONG_KEYS, _WRONG_SECONDS, clock),
        registrations=Attempts(_REGISTRATIONS, _REGISTRATION_SECONDS, clock),
    )
