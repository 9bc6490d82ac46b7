"""The settings, read once and frozen; nothing else reads the environment."""

import os
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AnyHttpUrl,
    Field,
    IPvAnyNetwork,
    SecretStr,
    StringConstraints,
    UrlConstraints,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gateway.core.auth.hosts import is_loopback
from gateway.core.model.legacy_parameters import check_harmless
from gateway.core.operations.catalog import CALLS
from gateway.core.prices.service_codes import read_overrides
from gateway.core.upstream.calls import rates

HttpUrl = Annotated[AnyHttpUrl, UrlConstraints(max_length=2000)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$")]
_FILE = "gateway_config"  # names the file of settings, so it is no setting itself


class Settings(BaseSettings):
    """Everything an operator can set: the environment wins over the file GATEWAY_CONFIG names."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    getatext_base_url: HttpUrl = Field(
        AnyHttpUrl("https://getatext.com"), description="Where the provider is."
    )
    getatext_api_key: SecretStr | None = Field(
        None, description="The server's own key at the provider; gateway keys lead to it."
    )
    getatext_tier: Literal["standard", "premium"] = Field(
        "standard", description="`premium` uses the provider's premium calls."
    )
    getatext_timezone: str = Field(
        "America/New_York", description="The zone of the provider's times, which carry none."
    )
    getatext_expiry_refunds: bool = Field(
        False,
        description=(
            "Whether the provider gives the price back when a rental ends without a code; "
            "unknown, look at your balance."
        ),
    )
    getatext_connect_seconds: Seconds = Field(5, description="Time-out to connect upstream.")
    getatext_read_seconds: Seconds = Field(
        10, description="Time-out of a whole upstream read or change."
    )
    getatext_spend_seconds: Seconds = Field(
        30, description="Time-out of a whole upstream purchase."
    )
    getatext_rates: dict[str, float] = Field(
        default_factory=dict,
        description=(
            "Calls per second that differ from the tier's, as JSON by limit, such as "
            '`{"rent": 1}`.'
        ),
    )
    getatext_rate_margin_seconds: Annotated[float, Field(ge=0, le=10)] = Field(
        0.1, description="By how many seconds the provider's one-second windows are widened."
    )
    getatext_webhook_secret: SecretStr | None = Field(
        None,
        description=(
            "The path secret of the webhook of the server's own account; other accounts have "
            "their own, told by `getatext-gateway provider-webhook`."
        ),
    )
    getatext_webhook_forward: list[HttpUrl] = Field(
        default_factory=list,
        description="Where webhooks are passed on, as a JSON list of URLs.",
    )
    getatext_webhook_sources: list[IPvAnyNetwork] = Field(
        default_factory=list,
        description="From where webhooks may come, as a JSON list of addresses or networks.",
    )
    gateway_key: SecretStr | None = Field(
        None, description="A gateway's key, for `getatext-gateway mcp` with limits."
    )
    gateway_host: str = Field("127.0.0.1", description="The address to listen on.")
    gateway_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        8080, description="The port to listen on; 0 takes a free one."
    )
    gateway_public_url: HttpUrl | None = Field(
        None, description="How callers reach the gateway; stands in the OpenAPI documents."
    )
    gateway_allowed_hosts: list[HostName] = Field(
        default_factory=list,
        description=(
            "Host names besides that of `GATEWAY_PUBLIC_URL` by which callers reach the gateway, "
            "as a JSON list; /mcp, /metrics and the OpenAPI documents trust no others."
        ),
    )
    gateway_pass_through: bool | None = Field(
        None,
        description=(
            "Whether callers may bring their own key of the provider's; by default only where "
            "`GATEWAY_HOST` is this machine's own (loopback)."
        ),
    )
    gateway_budget_day: Annotated[Decimal, Field(ge=0, le=1_000_000)] | None = Field(
        None,
        description=(
            "The most in USD that all keys of the server's own account together may spend in a day "
            "(UTC), admin keys too; 0 stops all its purchases."
        ),
    )
    gateway_blocked_services: list[str] = Field(
        default_factory=list,
        description="Services that are rented for nobody, as a JSON list of service codes.",
    )
    gateway_prices_fresh_seconds: Seconds = Field(60, description="How long prices are fresh.")
    gateway_prices_keep_seconds: Seconds = Field(
        3600, description="How long stale prices may serve while the provider fails or is slow."
    )
    gateway_database_url: str | None = Field(
        None,
        description=(
            "The ledger: `sqlite:///FILE` or `postgresql://…`; by default a SQLite file in the "
            "user's data directory."
        ),
    )
    gateway_secret: SecretStr | None = Field(
        None,
        description=(
            "Keys the hashes by which callers are known: made and kept beside SQLite, required "
            "with PostgreSQL."
        ),
    )
    gateway_status_cache_seconds: Annotated[float, Field(ge=0, le=60)] = Field(
        1, description="How long an answer about a rental serves everybody who asks for it."
    )
    gateway_retention_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        30, description="After how many days codes and message texts are deleted."
    )
    gateway_redelivery_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        60,
        description=(
            "How long a purchase whose answer was lost or could not be delivered is kept for the "
            "same caller asking the same, where no request id can be sent; 0 turns it off."
        ),
    )
    gateway_metrics_token: SecretStr | None = Field(
        None, description="Bearer token that opens /metrics to other machines than this one."
    )
    gateway_trusted_proxies: list[IPvAnyNetwork] = Field(
        default_factory=list,
        description="Proxies whose X-Forwarded-For is believed, as a JSON list of networks.",
    )
    gateway_mcp_confirm_above: Annotated[Decimal, Field(ge=0)] = Field(
        Decimal("1.00"), description="Purchases through MCP above this many USD are confirmed."
    )
    gateway_mcp_unconfirmed: Literal["allow", "refuse"] = Field(
        "refuse",
        description="What becomes of such a purchase where the MCP client cannot ask anybody.",
    )
    gateway_service_codes: Path | None = Field(
        None,
        description="A TOML file with codes of legacy tools, besides and instead of the built-in.",
    )
    gateway_any_country: bool = Field(
        False,
        description="Whether legacy tools that ask for another country get numbers of the USA.",
    )
    gateway_harmless_parameters: list[str] = Field(
        default_factory=list,
        description=(
            "Names that mean nothing in a purchase of a legacy tool, besides the built-in, as a "
            "JSON list; others that nobody knows are refused."
        ),
    )
    gateway_access_log: bool = Field(True, description="Whether every request is logged.")
    gateway_log_format: Literal["console", "json"] = Field(
        "console", description="How the log is written."
    )
    gateway_log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least grave level that is logged."
    )
    gateway_keepalive_seconds: Seconds = Field(
        20, description="How long an idle connection stays open; 75 behind a proxy."
    )

    @field_validator("getatext_timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("is not the name of a time zone, such as America/New_York")
        return name

    @field_validator("getatext_rates")
    @classmethod
    def _known_rates(cls, asked: dict[str, float]) -> dict[str, float]:
        rates(CALLS, overrides=asked)
        return asked

    @field_validator("gateway_service_codes")
    @classmethod
    def _readable_codes(cls, path: Path | None) -> Path | None:
        if path is not None:
            if not path.is_file():
                raise ValueError("is not the path of a file")
            read_overrides(path.read_text(encoding="utf-8"))
        return path

    @field_validator("gateway_harmless_parameters")
    @classmethod
    def _deciding_nothing(cls, names: list[str]) -> list[str]:
        return check_harmless(names)

    @property
    def rates(self) -> dict[str, float]:
        """Calls per second to the provider, by limit."""
        premium = self.getatext_tier == "premium"
        return rates(CALLS, premium=premium, overrides=self.getatext_rates)

    @property
    def pass_through(self) -> bool:
        """Whether callers may bring their own key: as set, else on loopback only."""
        if self.gateway_pass_through is not None:
            return self.gateway_pass_through
        return is_loopback(self.gateway_host)

    @property
    def data_dir(self) -> Path:
        """The folder for this program's data: below XDG_DATA_HOME, by default ~/.local/share."""
        base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        return Path(base) / "getatext-gateway"

    @property
    def zone(self) -> ZoneInfo:
        """The provider's time zone."""
        return ZoneInfo(self.getatext_timezone)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the file."""
        named = os.environ.get("GATEWAY_CONFIG")
        if not named:
            return init_settings, env_settings
        path = Path(named)
        if not path.is_file():
            raise FileNotFoundError(f"GATEWAY_CONFIG names {named}, which is not a file")
        return init_settings, env_settings, _File(settings_cls, path)


class UnknownSetting(ValueError):
    """The file has a name that is no setting. Most likely it is misspelt, so it is an error."""


class _File(TomlConfigSettingsSource):
    def __call__(self) -> dict[str, Any]:
        given = {name.lower(): value for name, value in super().__call__().items()}
        unknown = [name for name in given if name not in Settings.model_fields]
        if unknown:
            raise UnknownSetting("; ".join(_unknown(name, _meant(name)) for name in unknown))
        return given


def misspelt() -> list[str]:
    """A warning for each variable of the environment that is close to a setting's name but is none.

    Others with our prefixes pass: other programs give their variables such names too.
    """
    ours = {name for name in os.environ if name.startswith(("GATEWAY_", "GETATEXT_"))}
    unknown = (name for name in ours if name.lower() not in {*Settings.model_fields, _FILE})
    return [_unknown(name, meant.upper()) for name in unknown if (meant := _meant(name))]


def _meant(name: str) -> str:
    return next(iter(get_close_matches(name.lower(), Settings.model_fields, n=1, cutoff=0.9)), "")


def _unknown(name: str, meant: str) -> str:
    return f"{name[:60]} is no setting" + (f"; did you mean {meant}?" if meant else "")
