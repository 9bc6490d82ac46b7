"""All of OAuth that the faces need, in one."""

from dataclasses import dataclass

from gateway.core.auth.oauth.attempts import Attempts
from gateway.core.auth.oauth.clients import OAuthClients
from gateway.core.auth.oauth.consent import Consent
from gateway.core.auth.oauth.grants import OAuthGrants
from gateway.core.auth.oauth.sign_ins import SignIns


@dataclass(frozen=True, slots=True)
class OAuth:
    """The authorization server of one gateway.

    `wrong_keys` and `registrations` count what an address may try without being known.
    """

    clients: OAuthClients
    sign_ins: SignIns
    consent: Consent
    grants: OAuthGrants
    wrong_keys: Attempts
    registrations: Attempts
