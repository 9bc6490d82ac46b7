"""Dockerfile, .dockerignore and compose.yaml; `make image-steps` runs the steps of the first."""

import asyncio
import re
import sys
from importlib.metadata import requires
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.test_layout import written_files
from tests.deploy.image.dockerfile import Stage, in_context, stages_of
from tests.deploy.support import DRAIN_SECONDS, ROOT, SETTINGS, read, seconds, settings_named
from tests.support.gateway import run_simulated

TAGGED = re.compile(r"[a-z]+:\d[\w.-]*")
COMPOSE: dict[str, Any] = yaml.safe_load(read("compose.yaml"))
SERVICES: dict[str, Any] = COMPOSE["services"]
each_service = pytest.mark.parametrize("service", SERVICES)


def stages() -> list[Stage]:
    return stages_of(read("Dockerfile"))


def needed(*names: str) -> set[str]:
    """These distributions of this environment, and all that they need."""
    found, to_do = set[str](), [canonicalize_name(name) for name in names]
    while to_do:
        name = to_do.pop()
        if name not in found:
            found.add(name)
            wanted = map(Requirement, requires(name) or [])
            to_do += [
                canonicalize_name(each.name)
                for each in wanted
                if each.marker is None or each.marker.evaluate({"extra": ""})
            ]
    return found


def test_the_image_is_tagged_and_runs_the_program_as_a_user_without_a_name() -> None:
    last = stages()[-1]

    assert all(TAGGED.fullmatch(stage.image) for stage in stages())
    assert last.command == ["getatext-gateway", "serve"]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", last.user)
    assert last.volumes == [last.env["GATEWAY_DATA_DIR"]]
    assert settings_named(read("Dockerfile")) <= SETTINGS


def test_packages_come_by_hash_and_what_only_builds_leaves_again() -> None:
    runs = [step.words for step in stages()[0].steps if step.instruction == "RUN"]
    installs = [each for run in runs for each in run.split("&&") if " install " in each]
    (leaving,) = [each for run in runs for each in run.split("&&") if " uninstall " in each]
    removed = set(leaving.partition("--yes")[2].split())
    kept = needed("getatext-gateway", "asyncpg", "uvloop")

    assert all("--require-hashes" in each or "--no-index" in each for each in installs)
    assert len(installs) == 2
    assert removed == needed("hatchling") - kept


def test_only_the_program_gets_into_the_image() -> None:
    rules = read(".dockerignore")
    taken = {str(path.relative_to(ROOT)) for path in written_files() if _taken(path, rules)}
    packages = ("adapters/", "gateway/", "getatext_gateway/", "mcp_server/")

    assert {name for name in taken if not name.startswith(packages)} == {
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "requirements/run.txt",
    }
    assert {name.split("/")[0] + "/" for name in taken} >= set(packages)
    for secret in (".env", ".env.local", "gateway.db", "gateway.secret", ".git/config"):
        assert not in_context(PurePosixPath(secret), rules)
    assert not in_context(PurePosixPath("gateway/core/__pycache__/x.pyc"), rules)


def _taken(path: Path, rules: str) -> bool:
    return in_context(PurePosixPath(path.relative_to(ROOT)), rules)


async def test_the_health_check_tells_a_gateway_that_lives() -> None:
    async with run_simulated() as stand:
        port = stand.url.rpartition(":")[2]
        alive = await _asked(port)

    assert alive == 0
    assert await _asked(port) == 1


async def _asked(port: str) -> int:
    _, *words = stages()[-1].health
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, env={"GATEWAY_PORT": port}, stderr=asyncio.subprocess.DEVNULL
    )
    return await process.wait()


@each_service
def test_a_service_can_write_only_where_it_must(service: str) -> None:
    told = SERVICES[service]

    assert told["read_only"] is True
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in told
    assert TAGGED.fullmatch(told["image"]) or told["build"] == "."


@each_service
def test_no_secret_has_a_default(service: str) -> None:
    told = SERVICES[service]["environment"]
    secrets = [value for name, value in told.items() if re.search("SECRET|PASSWORD|URL", name)]

    assert secrets
    assert all(re.search(r"\$\{[A-Z_]+:\?[^}]+\}", value) for value in secrets)
    assert settings_named("\n".join(told)) <= SETTINGS


def test_only_the_gateway_is_reached_from_outside_and_only_from_this_machine() -> None:
    gateway, database = SERVICES["gateway"], SERVICES["database"]
    networks = COMPOSE["networks"]

    assert [port.rpartition(":")[0].partition(":")[0] for port in gateway["ports"]] == ["127.0.0.1"]
    assert "ports" not in database
    assert all(networks[name]["internal"] for name in database["networks"])
    assert set(database["networks"]) < set(gateway["networks"])


def test_the_gateway_waits_for_its_database_and_is_given_time_to_end() -> None:
    gateway, database = SERVICES["gateway"], SERVICES["database"]

    assert gateway["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert database["healthcheck"]["test"][1] == "pg_isready"
    assert seconds(gateway["stop_grace_period"]) > DRAIN_SECONDS
    assert all(volume.split(":")[0] in COMPOSE["volumes"] for volume in database["volumes"])
