"""The types of values that several settings have."""

import re
from typing import Annotated

from pydantic import AfterValidator, AnyHttpUrl, Field, StringConstraints, UrlConstraints
from yarl import URL

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\x00-\x20\x7f/?#@\\,*]+", re.IGNORECASE).fullmatch


def _origin(text: str) -> str:
    """An origin as browsers send it: the host in lower-case ASCII, no default port."""
    if text == "*":
        return text
    try:
        origin = URL(text).origin() if _ORIGIN(text) else None
    except ValueError:
        origin = None
    if origin is None:
        raise ValueError("is not an origin such as https://app.example or http://127.0.0.1:5173")
    return str(origin.with_port(None) if origin.is_default_port() else origin)


HttpUrl = Annotated[AnyHttpUrl, UrlConstraints(max_length=2000)]
HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+(:[0-9]{1,5})?$")]
Origin = Annotated[str, AfterValidator(_origin)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
