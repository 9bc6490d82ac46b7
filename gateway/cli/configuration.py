"""Reads the settings for a command. A bad one is reported by the name of its variable."""

import tomllib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import click
from pydantic import SecretStr, ValidationError
from yarl import URL

from gateway.cli.exit_codes import MISUSED
from gateway.core.auth.hosts import is_loopback
from gateway.settings import Settings, UnknownSetting

_FORMS = {  # in words, of settings whose form only a pattern tells
    "gateway_allowed_hosts": 'is no list of hosts such as ["gateway.example", "10.0.0.5:8080"]',
}
_JSON = {
    "list_type": 'is not a JSON list such as ["text"]',
    "dict_type": "is not a JSON object such as {}",
}


class BadSettings(click.ClickException):
    """The settings cannot be used. The message never holds a value: it may be a secret."""

    exit_code = MISUSED

    def __init__(self, message: str, faults: Mapping[str, str] = MappingProxyType({})) -> None:
        """`faults`: what is wrong with each setting, by its name."""
        super().__init__(message)
        self.faults = faults


def read_settings(**given: Any) -> Settings:
    """The settings; what is `given` (and not None) wins over the environment and the file."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = _faults(error)
        raise BadSettings(_sentences(faults), faults) from None
    except UnknownSetting as error:
        raise BadSettings(f"The file that GATEWAY_CONFIG names: {error}") from None
    except FileNotFoundError as error:
        raise BadSettings(f"{error}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        reason = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "it cannot be read"
        raise BadSettings(f"The file that GATEWAY_CONFIG names is not TOML: {reason}.") from None


def readable_settings() -> tuple[Settings, Mapping[str, str]]:
    """The settings with the defaults in place of bad ones, and what is wrong with those.

    Raises BadSettings where nothing can be read.
    """
    try:
        return read_settings(), {}
    except BadSettings as bad:
        fields, faults = Settings.model_fields, bad.faults
        if not faults or not faults.keys() <= fields.keys():
            raise
        defaults = {name: fields[name].get_default(call_default_factory=True) for name in faults}
        return Settings(**defaults), faults


def secrets_of(settings: Settings) -> list[str]:
    """The text of every secret setting, for the log to redact."""
    values = (getattr(settings, name) for name in type(settings).model_fields)
    secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    if settings.getatext_proxy and (login := URL(settings.getatext_proxy.get_secret_value())).user:
        secrets += [login.password or "", login.raw_password or ""]
    return secrets


def warn_of_plain_http(settings: Settings, gateway_url: str | None = None) -> None:
    """Log a warning for each machine to which keys or codes will go unencrypted.

    `gateway_url`: the gateway that takes the provider's place.
    """
    sent = [("GETATEXT_BASE_URL", "keys", str(settings.getatext_base_url))]
    sent += [
        ("GETATEXT_WEBHOOK_FORWARD", "codes", str(url)) for url in settings.getatext_webhook_forward
    ]
    if gateway_url is not None:
        sent = [("--gateway", "keys", gateway_url)]
    for setting, what, url in sent:
        if address := unencrypted(url):
            import structlog

            log = structlog.get_logger("gateway")
            log.warning("sent unencrypted: use https", setting=setting, what=what, to=address)


def warn_of_account_key(settings: Settings, gateway_url: str) -> None:
    """Say so where the provider's key itself goes to a gateway on another machine."""
    url = URL(gateway_url)
    if (
        settings.gateway_key is None
        and settings.getatext_api_key
        and not is_loopback(url.host or "")
    ):
        click.echo(
            f"GETATEXT_API_KEY is sent to {url.host_port_subcomponent}: who runs that gateway can "
            "buy with it. A key of that gateway's in GATEWAY_KEY is sent instead.",
            err=True,
        )


def unencrypted(url: str) -> str | None:
    """The address of another machine in an http:// URL, without what may be secret in it."""
    try:
        parts = URL(url)
    except ValueError:
        return None  # nothing will be sent there
    if parts.scheme != "http" or is_loopback(parts.host or ""):
        return None
    return f"http://{parts.host_port_subcomponent}"


def _faults(error: ValidationError) -> dict[str, str]:
    """What is wrong with each setting, by its name; of several things the first."""
    found: dict[str, str] = {}
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        name = _name(fault["loc"])
        found.setdefault(name, _words(name, fault["type"], fault["msg"]))
    return found


def _sentences(faults: Mapping[str, str]) -> str:
    lines = [f"{name.upper() or 'The settings'}: {fault}." for name, fault in faults.items()]
    return "\n       ".join(
        [*lines, "Change it in the environment, or in the file of GATEWAY_CONFIG."]
    )


def _name(place: tuple[int | str, ...]) -> str:
    return str(place[0]).lower() if place else ""


def _words(name: str, kind: str, message: str) -> str:
    if kind == "string_pattern_mismatch":
        return _FORMS.get(name, "is not written as it must be")
    if kind in _JSON:
        return _JSON[kind]
    if kind.endswith("_parsing"):
        message = message.partition(",")[0]  # the rest is how it was read
    message = message.removeprefix("Value error, ").removeprefix("Input ").rstrip(".")
    return message[:1].lower() + message[1:]
