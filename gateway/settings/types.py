"""The types of values that several settings have."""

from typing import Annotated

from pydantic import AnyHttpUrl, Field, StringConstraints, UrlConstraints

HttpUrl = Annotated[AnyHttpUrl, UrlConstraints(max_length=2000)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$")]
