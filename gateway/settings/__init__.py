"""The settings, read once and frozen; nothing else reads the environment.

May import the core. From the top: settings, provider; sources,
masking and types.
"""

from gateway.settings.settings import Settings
from gateway.settings.sources import UnknownSetting, misspelt, sources

__all__ = ["Settings", "UnknownSetting", "misspelt", "sources"]
