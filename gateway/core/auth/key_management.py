"""What operators do with keys: make, list, change, rotate and revoke them. All of it is audited."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from gateway.core.auth.authentication import KeyHasher
from gateway.core.model.audit import AuditAction, AuditRecord
from gateway.core.model.callers import (
    GATEWAY_KEY_PREFIX,
    TEST_KEY_PREFIX,
    GatewayKey,
    caller_id,
)
from gateway.core.model.errors import InvalidRequest, KeyNameTaken, NotFound
from gateway.core.model.key_inputs import CreateKey, RotateKey, UpdateKey
from gateway.core.model.keys import Key, KeyWithSecret, shown_key, status_of
from gateway.core.model.redact import may_hold_key
from gateway.core.model.values import instant_text, money_text
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.storage import Keys, NameTaken


class KeyManagement:
    """The gateway's own keys. `actor` is who acts, as the audit log names it."""

    def __init__(self, keys: Keys, ledger: Ledger, hasher: KeyHasher, clock: Clock) -> None:
        """`ledger` tells what keys have spent."""
        self._keys = keys
        self._ledger = ledger
        self._hasher = hasher
        self._clock = clock

    async def all(self) -> list[Key]:
        """Every key, oldest first, those that have ended too."""
        keys = await self._keys.all()
        by_id = {key.id: key for key in keys}
        return [await self._shown(key, by_id) for key in keys]

    async def one(self, key_id: str) -> Key:
        """One key. Raises NotFound."""
        return await self._shown(_found(await self._keys.by_id(key_id)))

    async def create(
        self, actor: str, asked: CreateKey, services: frozenset[str] | None = None
    ) -> KeyWithSecret:
        """Make a key; `services` by their codes. Raises InvalidRequest and KeyNameTaken."""
        now = self._clock.now()
        limits = asked.limits(services)
        _check_lasts(limits.expires_at, now)
        _check_no_key(asked.name)
        secret = _new_secret(test=asked.test)
        key = GatewayKey(
            id=secrets.token_hex(4),
            name=asked.name,
            hashed=self._hasher.name(secret),
            limits=limits,
            created_at=now,
            test=asked.test,
        )
        told = asked.model_dump(exclude_defaults=True)
        details = _told({**told, **({"services": services} if services else {})})
        try:
            await self._keys.create(
                key, AuditRecord(now, actor, AuditAction.KEY_CREATED, key.id, details)
            )
        except NameTaken as taken:
            raise KeyNameTaken(f"The key {taken.key_id} has this name.") from None
        return _with_secret(await self._shown(key), secret)

    async def update(
        self, actor: str, asked: UpdateKey, services: frozenset[str] | None = None
    ) -> Key:
        """Change a key; `services` by their codes.

        Raises NotFound, InvalidRequest and KeyNameTaken.
        """
        now, changes = self._clock.now(), asked.changes()
        if not changes:
            return await self.one(asked.key_id)
        if services is not None:
            changes["services"] = services
        _check_lasts(changes.get("expires_at"), now)
        name = changes.pop("name", None)
        _check_no_key(name or "")

        def made(key: GatewayKey) -> GatewayKey:
            changed = replace(key, name=name or key.name, limits=replace(key.limits, **changes))
            if _is_endless(changed) and not (asked.no_budget or _is_endless(key)):
                raise InvalidRequest(
                    "no_budget: this key would spend without end.",
                    advice="Send no_budget with it, on purpose; or a budget.",
                )
            return changed

        told = _told({**changes, **({"name": name} if name else {})})
        record = AuditRecord(now, actor, AuditAction.KEY_UPDATED, asked.key_id, told)
        try:
            key = await self._keys.change(asked.key_id, made, now, record)
        except NameTaken as taken:
            raise KeyNameTaken(f"The key {taken.key_id} has this name.") from None
        return await self._shown(_found(key))

    async def rotate(self, actor: str, asked: RotateKey) -> KeyWithSecret:
        """Give a key a new secret; the one before is accepted for some time.

        One before that ends at once. Raises NotFound, and InvalidRequest for a key without one.
        """
        now = self._clock.now()
        until = now + timedelta(hours=asked.overlap_hours)
        standing = _found(await self._keys.by_id(asked.key_id))
        if standing.parent_id is not None:
            raise InvalidRequest(
                "key_id: this key has no secret of its own: somebody signed in to make it.",
                advice="Revoke it, and sign in again.",
            )
        secret = _new_secret(test=standing.test)
        hashed = self._hasher.name(secret)

        def made(key: GatewayKey) -> GatewayKey:
            return replace(key, hashed=hashed, previous_hashed=key.hashed, previous_until=until)

        told = {"previous_secret_until": instant_text(until)}
        record = AuditRecord(now, actor, AuditAction.KEY_ROTATED, asked.key_id, told)
        key = _found(await self._keys.change(asked.key_id, made, now, record))
        return _with_secret(await self._shown(key), secret)

    async def revoke(self, actor: str, key_id: str) -> Key:
        """Revoke a key for good, and those made on its behalf with it. Raises NotFound."""
        now = self._clock.now()
        record = AuditRecord(now, actor, AuditAction.KEY_REVOKED, key_id)

        def made(key: GatewayKey) -> GatewayKey:
            return replace(key, revoked_at=now)

        return await self._shown(_found(await self._keys.change(key_id, made, now, record)))

    async def _shown(self, key: GatewayKey, known: Mapping[str, GatewayKey] | None = None) -> Key:
        now = self._clock.now()
        parents = await self._parents(key, known or {})
        spent = await self._ledger.spending(caller_id(key), now)
        return shown_key(key, status_of(key, now, parents), spent, now)

    async def _parents(
        self, key: GatewayKey, known: Mapping[str, GatewayKey]
    ) -> Sequence[GatewayKey]:
        parents, parent_id = list[GatewayKey](), key.parent_id
        while parent_id is not None:
            parent = known.get(parent_id) or await self._keys.by_id(parent_id)
            if parent is None:
                break
            parents.append(parent)
            parent_id = parent.parent_id
        return parents


def _new_secret(*, test: bool) -> str:
    return (TEST_KEY_PREFIX if test else GATEWAY_KEY_PREFIX) + secrets.token_urlsafe(24)


def _with_secret(key: Key, secret: str) -> KeyWithSecret:
    return KeyWithSecret(**dict(key), secret=secret)


def _found(key: GatewayKey | None) -> GatewayKey:
    if key is None:
        raise NotFound(
            "There is no such key, or it was revoked.", advice="list_keys has those there are."
        )
    return key


def _is_endless(key: GatewayKey) -> bool:
    """Whether it may spend without end."""
    limits = key.limits
    budgeted = limits.budget_day is not None or limits.budget_total is not None
    return not (budgeted or limits.read_only or key.test)


def _check_no_key(name: str) -> None:
    if may_hold_key(name):
        raise InvalidRequest("name: holds a key, or the beginning of one.")


def _check_lasts(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest("expires_at: is over; such a key would never be accepted.")


def _told(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Limits as the audit log tells them."""
    return {name: _as_json(value) for name, value in changes.items()}


def _as_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return money_text(value)
    if isinstance(value, datetime):
        return instant_text(value)
    return sorted(value) if isinstance(value, frozenset | tuple) else value
