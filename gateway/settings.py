"""The settings, read once and frozen; nothing else reads the environment."""

import os
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AnyHttpUrl, Field, SecretStr, UrlConstraints, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

HttpUrl = Annotated[AnyHttpUrl, UrlConstraints(max_length=2000)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


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
    getatext_connect_seconds: Seconds = Field(5, description="Time-out to connect upstream.")
    getatext_read_seconds: Seconds = Field(10, description="Time-out of a whole upstream read.")
    getatext_spend_seconds: Seconds = Field(
        30, description="Time-out of a whole upstream purchase or change."
    )
    gateway_host: str = Field("127.0.0.1", description="The address to listen on.")
    gateway_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        8080, description="The port to listen on; 0 takes a free one."
    )
    gateway_public_url: HttpUrl | None = Field(
        None, description="How callers reach the gateway; stands in the OpenAPI documents."
    )
    gateway_pass_through: bool = Field(
        True, description="Whether callers may bring their own key of the provider's."
    )
    gateway_prices_fresh_seconds: Seconds = Field(60, description="How long prices are fresh.")
    gateway_prices_keep_seconds: Seconds = Field(
        3600, description="How long stale prices may serve while the provider fails."
    )
    gateway_secret: SecretStr | None = Field(
        None, description="Keys the hashes by which callers are known."
    )
    gateway_metrics_token: SecretStr | None = Field(
        None, description="Bearer token that opens /metrics to other machines than this one."
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
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)
