"""Where settings come from: the environment, and the file that GATEWAY_CONFIG names."""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, TomlConfigSettingsSource

_FILE = "gateway_config"  # names the file of settings, so it is no setting itself
ENVIRONMENT = "the environment"


class UnknownSetting(ValueError):
    """The file has a name that is no setting. Most likely it is misspelt, so it is an error."""


class Environment(EnvSettingsSource):
    """The variables of the environment. A list that is no JSON is refused with all other faults."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """The value of a variable in JSON, or its text where it is none."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


class SettingsFile(TomlConfigSettingsSource):
    """A TOML file of settings, whose names may be in any case."""

    @classmethod
    def named(cls, settings: type[BaseSettings]) -> "SettingsFile | None":
        """The file that GATEWAY_CONFIG names, if it names one."""
        name = os.environ.get(_FILE.upper())
        if not name:
            return None
        path = Path(name)
        if not path.is_file():
            raise FileNotFoundError(f"GATEWAY_CONFIG names {name}, which is not a file")
        return cls(settings, path)

    def __call__(self) -> dict[str, Any]:
        """What the file sets. Raises UnknownSetting."""
        given = {name.lower(): value for name, value in super().__call__().items()}
        known = self.settings_cls.model_fields
        unknown = [name for name in given if name not in known]
        if unknown:
            told = (_unknown(name, _meant(name, known)) for name in unknown)
            raise UnknownSetting("; ".join(told))
        return given


def sources(settings: type[BaseSettings]) -> dict[str, str]:
    """The settings that something sets, by name, with what sets each: the last word is its.

    Raises as reading the settings does.
    """
    file = SettingsFile.named(settings)
    path = os.environ.get(_FILE.upper(), "")
    found = dict.fromkeys(file(), path) if file is not None else {}
    return found | dict.fromkeys(Environment(settings)(), ENVIRONMENT)


def misspelt(settings: type[BaseSettings]) -> list[str]:
    """A warning for each variable of the environment that is close to a setting's name but is none.

    Others with our prefixes pass: other programs give their variables such names too.
    """
    known = settings.model_fields
    ours = {name for name in os.environ if name.startswith(("GATEWAY_", "GETATEXT_"))}
    unknown = (name for name in ours if name.lower() not in {*known, _FILE})
    return [_unknown(name, meant.upper()) for name in unknown if (meant := _meant(name, known))]


def _meant(name: str, known: Iterable[str]) -> str:
    return next(iter(get_close_matches(name.lower(), known, n=1, cutoff=0.9)), "")


def _unknown(name: str, meant: str) -> str:
    return f"{name[:60]} is no setting" + (f"; did you mean {meant}?" if meant else "")
