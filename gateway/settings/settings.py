"""Everything that can be set: what concerns the provider, and the gateway's own."""

import os
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, IPvAnyNetwork, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from gateway.core.auth.hosts import is_loopback
from gateway.core.model.callers import GATEWAY_KEY_PREFIX
from gateway.core.model.legacy_parameters import check_harmless
from gateway.core.prices.service_codes import read_overrides
from gateway.settings.provider import ProviderSettings
from gateway.settings.sources import Environment, SettingsFile
from gateway.settings.types import HostName, HttpUrl, ListenOn, Origin, Seconds


class Settings(ProviderSettings):
    """Everything an operator can set: the environment wins over the file GATEWAY_CONFIG names."""

    gateway_key: SecretStr | None = Field(
        None,
        description=(
            "A gateway's key: commands and `mcp` do what it may, instead of what GETATEXT_API_KEY "
            "may."
        ),
    )
    gateway_url: HttpUrl | None = Field(
        None,
        description=(
            "The gateway that commands and `mcp` use in place of one of their own, as `--gateway` "
            "names it."
        ),
    )
    gateway_host: ListenOn = Field(
        "127.0.0.1",
        description=(
            "The address to listen on, of IPv4 or IPv6 (`::` is every one of both), or a Unix "
            "socket: `unix:/run/getatext-gateway/gateway.sock`."
        ),
    )
    gateway_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        8080, description="The port to listen on; 0 takes a free one."
    )
    gateway_public_url: HttpUrl | None = Field(
        None,
        description=(
            "How callers reach the gateway, also below a path that a proxy takes off; stands in "
            "the OpenAPI documents."
        ),
    )
    gateway_allowed_hosts: list[HostName] = Field(
        default_factory=list,
        description=(
            "Host names besides that of `GATEWAY_PUBLIC_URL` by which callers reach the gateway, "
            'as a JSON list such as `["host.docker.internal", "gateway:8080"]`; one with a port '
            "counts with that port only. /mcp, /metrics and the OpenAPI documents trust no others."
        ),
    )
    gateway_cors_origins: list[Origin] = Field(
        ["*"],
        description=(
            "Origins whose pages may call `/v1` and read the OpenAPI documents in a browser, as a "
            'JSON list such as `["https://app.example"]`; `*` stands for all, `[]` allows none.'
        ),
    )
    gateway_pass_through: bool | None = Field(
        None,
        description=(
            "Whether callers may bring their own key of the provider's; by default only where "
            "`GATEWAY_HOST` is this machine's own (loopback)."
        ),
    )
    gateway_oauth: bool = Field(
        False,
        description=(
            "Whether clients of /mcp may sign in by OAuth, as claude.ai and ChatGPT do; needs a "
            "`GATEWAY_PUBLIC_URL` of https, but on this machine alone (loopback)."
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
    gateway_balance_low: Annotated[Decimal, Field(gt=0, le=1_000_000)] | None = Field(
        None,
        description=(
            "Below how many USD an account's balance raises the alarm `balance.low`; by default "
            "none does."
        ),
    )
    gateway_prices_fresh_seconds: Seconds = Field(60, description="How long prices are fresh.")
    gateway_prices_keep_seconds: Seconds = Field(
        3600, description="How long stale prices may serve while the provider fails or is slow."
    )
    gateway_database_url: str | None = Field(
        None,
        description=(
            "The ledger: `sqlite:///FILE` or `postgresql://…`; by default a SQLite file in "
            "`GATEWAY_DATA_DIR`."
        ),
    )
    gateway_data_dir: Path | None = Field(
        None,
        description=(
            "The folder of the SQLite file and the secret; by default `getatext-gateway` in the "
            "user's data directory (`XDG_DATA_HOME`, `~/.local/share`)."
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
    gateway_cancel_before_end_seconds: Annotated[float, Field(ge=0, le=600)] = Field(
        20,
        description=(
            "How many seconds before its end a number that no code has come to is given back; 0: "
            "never. The provider may mind many returns."
        ),
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
    gateway_trusted_proxies: list[IPvAnyNetwork | Literal["unix"]] = Field(
        default_factory=list,
        description=(
            "Proxies whose `X-Forwarded-For`, `-Host` and `-Proto` are believed, as a JSON list of "
            "networks; `unix` is whoever comes over the Unix socket."
        ),
    )
    gateway_webhook_allowed_networks: list[IPvAnyNetwork] = Field(
        default_factory=list,
        description=(
            "Networks besides the public ones that callers' webhooks may be in, as a JSON list "
            'such as `["10.0.0.0/8"]`; plain http is allowed there too.'
        ),
    )
    gateway_mcp_confirm_above: Annotated[Decimal, Field(ge=0)] = Field(
        Decimal("1.00"),
        description="Purchases through MCP above this many USD are confirmed; `keys create "
        "--confirm-above` sets it for one key.",
    )
    gateway_mcp_unconfirmed: Literal["allow", "refuse"] = Field(
        "refuse",
        description="What becomes of such a purchase where nobody could be asked.",
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

    @field_validator("gateway_key")
    @classmethod
    def _of_a_gateway(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not key.get_secret_value().startswith(GATEWAY_KEY_PREFIX):
            raise ValueError(
                f"holds no gateway's key, which begins with {GATEWAY_KEY_PREFIX}; a key of the "
                "provider's belongs in GETATEXT_API_KEY"
            )
        return key

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

    @field_validator("gateway_oauth")
    @classmethod
    def _over_https(cls, on: bool, info: ValidationInfo) -> bool:
        url, host = info.data.get("gateway_public_url"), info.data.get("gateway_host", "")
        local = is_loopback(host) if url is None else is_loopback((url.host or "").strip("[]"))
        if on and not local and (url is None or url.scheme != "https"):
            raise ValueError("needs a GATEWAY_PUBLIC_URL of https: keys and tokens go over it")
        return on

    @property
    def pass_through(self) -> bool:
        """Whether callers may bring their own key: as set, else on loopback only."""
        if self.gateway_pass_through is not None:
            return self.gateway_pass_through
        return is_loopback(self.gateway_host)

    @property
    def caller_key(self) -> SecretStr | None:
        """The key of whoever runs commands here: a gateway's, with its limits, or the account's."""
        return self.gateway_key or self.getatext_api_key

    @property
    def data_dir(self) -> Path:
        """The folder for this program's data: as set, else below XDG_DATA_HOME or ~/.local/share.

        Raises RuntimeError where there is no home directory.
        """
        if self.gateway_data_dir is not None:
            return self.gateway_data_dir.expanduser().absolute()
        base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        return Path(base) / "getatext-gateway"

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
        environment, file = Environment(settings_cls), SettingsFile.named(settings_cls)
        return (init_settings, environment) if file is None else (init_settings, environment, file)
