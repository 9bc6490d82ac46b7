"""Reads a Dockerfile and its .dockerignore, as far as ours use them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

_PATH = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction, and what follows it."""

    instruction: str
    words: str


@dataclass(slots=True)
class Stage:
    """A stage: its image, its steps, and what they set for the container."""

    name: str
    image: str
    steps: list[Step] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=lambda: {"PATH": _PATH})
    user: str = "0:0"
    volumes: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    stop_signal: str = "SIGTERM"

    @property
    def python(self) -> str:
        """The version of the image's Python, such as 3.13."""
        return self.image.removeprefix("python:").partition("-")[0]

    def add(self, step: Step) -> None:
        """Take a step, and what it sets. Raises ValueError at an instruction that is not known."""
        self.steps.append(step)
        words = step.words
        match step.instruction:
            case "ENV":
                pairs = dict(pair.split("=", 1) for pair in shlex.split(words))
                self.env |= {k: v.replace("$PATH", self.env["PATH"]) for k, v in pairs.items()}
            case "USER":
                self.user = words
            case "VOLUME":
                self.volumes.append(words)
            case "STOPSIGNAL":
                self.stop_signal = words
            case "ENTRYPOINT" | "CMD":
                self.command = [*self.command, *json.loads(words)]
            case "HEALTHCHECK":
                self.health = json.loads(words.partition("CMD")[2])
            case "RUN" | "COPY" | "WORKDIR" | "EXPOSE":
                pass
            case _:
                raise ValueError(f"{step.instruction} is not known here")


def stages_of(text: str) -> list[Stage]:
    """The stages of a Dockerfile in their order."""
    stages = list[Stage]()
    for step in _steps_of(text):
        if step.instruction == "FROM":
            image, _, name = step.words.partition(" AS ")
            stages.append(Stage(name or str(len(stages)), image))
        else:
            stages[-1].add(step)
    return stages


def _steps_of(text: str) -> Iterator[Step]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if line.strip():
            instruction, _, words = line.strip().partition(" ")
            yield Step(instruction.upper(), words.strip())


def in_context(path: PurePosixPath, rules: str) -> bool:
    """Whether a file gets to the build: the last rule of .dockerignore that fits it decides."""
    taken = True
    for rule in rules.split("\n"):
        pattern = rule.strip().removeprefix("!")
        if pattern and not pattern.startswith("#"):
            fits = re.compile(_expression(pattern))
            if any(fits.fullmatch(str(each)) for each in (path, *path.parents)):
                taken = rule.startswith("!")
    return taken


def _expression(pattern: str) -> str:
    """A pattern as a regular expression: `**/` is any folder, `*` all within a name."""
    parts = re.split(r"(\*\*/|\*)", pattern)
    return "".join({"**/": "(?:.*/)?", "*": "[^/]+"}.get(part, re.escape(part)) for part in parts)
