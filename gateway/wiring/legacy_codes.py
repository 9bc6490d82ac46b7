"""The codes of legacy tools, as the settings change them."""

from gateway.core.prices.service_codes import ServiceCodes, read_overrides
from gateway.settings import Settings


def service_codes(settings: Settings) -> ServiceCodes:
    """The codes of legacy tools: the built-in table with the operator's overrides."""
    built_in, path = ServiceCodes.built_in(), settings.gateway_service_codes
    if path is None:
        return built_in
    return built_in.overridden(read_overrides(path.read_text(encoding="utf-8")))
