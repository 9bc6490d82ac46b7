"""The documents in every dialect and form, all from the one that the catalog gives."""

import json
from collections.abc import Callable
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import yaml

from gateway.http.documents import openapi30, swagger20

Json = dict[str, Any]


def _swagger(document: Json) -> Json:
    return swagger20.convert(openapi30.convert(document))


DIALECTS: MappingProxyType[str, Callable[[Json], Json]] = MappingProxyType(
    {"3.1": lambda document: document, "3.0": openapi30.convert, "2.0": _swagger}
)
"""By their number: what makes the document of the 3.1.0 one."""


def with_server(document: Json, server: str) -> Json:
    """A document of any dialect for another address of the gateway."""
    if "swagger" not in document:
        return {**document, "servers": [{**document["servers"][0], "url": server}]}
    made = {name: value for name, value in document.items() if name != "host"}
    return made | swagger20.address(server)


def check_server(server: str) -> str:
    """An address of the gateway as the documents name it. Raises ValueError for what is none."""
    try:
        url = urlsplit(server)
        usable = url.scheme in {"http", "https"} and url.hostname and url.port != 0
    except ValueError:  # a port or an IPv6 address that is none
        usable = False
    if not usable or set(server) & set(" ?#@") or not server.isprintable():
        raise ValueError("must be an address such as https://sms.example.com, or with a path")
    return server.rstrip("/")


def to_json(document: Json, indent: int | None = None) -> str:
    """The document as JSON, by default without a blank too many: importers have limits."""
    separators = (",", ":") if indent is None else None
    return json.dumps(document, ensure_ascii=False, indent=indent, separators=separators) + "\n"


def to_yaml(document: Json) -> str:
    """The document as YAML; status codes are quoted, because OpenAPI requires text keys.

    What holds nothing deeper is written on one line, which takes a seventh off: importers have
    limits.
    """
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=160)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_dict(self, data: Any) -> yaml.MappingNode:
        flat = not any(isinstance(value, dict | list) and value for value in data.values())
        return self.represent_mapping("tag:yaml.org,2002:map", data, flow_style=flat)

    def represent_list(self, data: Any) -> yaml.SequenceNode:
        flat = not any(isinstance(value, dict | list) for value in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flat)


_Dumper.add_representer(dict, _Dumper.represent_dict)
_Dumper.add_representer(list, _Dumper.represent_list)
