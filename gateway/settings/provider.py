"""The settings of the provider, Getatext, and of how it is asked."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AnyHttpUrl, Field, IPvAnyNetwork, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.core.model.callers import GATEWAY_KEY_PREFIX
from gateway.core.operations.catalog import CALLS
from gateway.core.upstream.calls import rates
from gateway.settings.types import CaFile, HttpUrl, ProxyUrl, Seconds


class ProviderSettings(BaseSettings):
    """What an operator can set about the provider."""

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
    getatext_proxy: ProxyUrl | None = Field(
        None,
        description=(
            "The HTTP proxy that all calls of the provider go through, such as "
            "`http://user:password@proxy.example:3128`; `HTTPS_PROXY` and the like are not obeyed."
        ),
    )
    getatext_ca_file: CaFile | None = Field(
        None,
        description=(
            "A PEM file of certificate authorities that the provider may be known by, besides the "
            "system's."
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

    @field_validator("getatext_api_key")
    @classmethod
    def _of_the_provider(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and key.get_secret_value().startswith(GATEWAY_KEY_PREFIX):
            raise ValueError(
                f"holds a gateway's key ({GATEWAY_KEY_PREFIX}…), which the provider does not know; "
                "put it into GATEWAY_KEY, and name the gateway that made it: --gateway URL, or "
                "GATEWAY_URL"
            )
        return key

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

    @property
    def rates(self) -> dict[str, float]:
        """Calls per second to the provider, by limit."""
        premium = self.getatext_tier == "premium"
        return rates(CALLS, premium=premium, overrides=self.getatext_rates)

    @property
    def zone(self) -> ZoneInfo:
        """The provider's time zone."""
        return ZoneInfo(self.getatext_timezone)
