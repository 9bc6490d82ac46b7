"""The settings, read once and frozen; nothing else reads the environment.

May import the core. From the top: settings, provider; sources and types.
"""

from gateway.settings.settings import Settings
from gateway.settings.sources import UnknownSetting, misspelt

__all__ = ["Settings", "UnknownSetting", "misspelt"]
