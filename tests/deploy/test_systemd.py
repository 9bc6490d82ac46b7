"""The unit, and the command that runs as its user."""

import re
import shlex
from collections import defaultdict

from gateway.cli.exit_codes import MISUSED
from gateway.cli.main import cli
from tests.deploy.support import DRAIN_SECONDS, SETTINGS, read, settings_named

UNIT = "deploy/systemd/getatext-gateway.service"
COMMAND = "deploy/systemd/getatext-gateway"
SWITCHED_ON = {
    "DynamicUser", "LockPersonality", "MemoryDenyWriteExecute", "NoNewPrivileges",
    "PrivateDevices", "PrivateTmp", "PrivateUsers", "ProtectClock", "ProtectControlGroups",
    "ProtectHome", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules",
    "ProtectKernelTunables", "RemoveIPC", "RestrictNamespaces", "RestrictRealtime",
    "RestrictSUIDSGID",
}  # fmt: skip
NARROWED = {
    "CapabilityBoundingSet": [""],
    "ProtectProc": ["invisible"],
    "ProtectSystem": ["strict"],
    "RestrictAddressFamilies": ["AF_INET AF_INET6 AF_UNIX"],
    "SystemCallArchitectures": ["native"],
    "SystemCallFilter": ["@system-service", "~@privileged @resources"],
    "UMask": ["0077"],
}


def directives(name: str) -> dict[str, list[str]]:
    """Those of the section [Service], in their order."""
    found, section = defaultdict[str, list[str]](list), ""
    for line in read(name).splitlines():
        if line.startswith("["):
            section = line
        elif line and not line.startswith("#"):
            directive, sign, value = line.partition("=")
            assert sign
            assert re.fullmatch(r"[A-Z]\w+", directive)
            if section == "[Service]":
                found[directive].append(value)
    return found


def test_the_unit_runs_serve_and_keeps_it_from_the_rest_of_the_machine() -> None:
    told = directives(UNIT)
    (started,) = told["ExecStart"]
    program, command = shlex.split(started)

    assert program.startswith("/opt/getatext-gateway/bin/")
    assert cli.get_command(None, command)  # type: ignore[arg-type]
    assert {name for name, values in told.items() if values == ["yes"]} == SWITCHED_ON
    assert {name: told[name] for name in NARROWED} == NARROWED
    assert "ProcSubset" not in told  # without /proc/stat there are no metrics of the process


def test_the_unit_ends_after_purchases_and_starts_again_where_that_helps() -> None:
    told = directives(UNIT)

    assert float(told["TimeoutStopSec"][0]) > DRAIN_SECONDS
    assert told["KillMode"] == ["mixed"]
    assert told["Restart"] == ["on-failure"]
    assert told["RestartPreventExitStatus"] == [str(MISUSED)]


def test_the_command_has_the_user_settings_and_data_of_the_service() -> None:
    told, script = directives(UNIT), read(COMMAND)
    words = shlex.split(script.partition("exec ")[2], comments=True)
    properties = dict(word.split("=", 2)[1:] for word in words if word.startswith("--property="))
    data = dict(word.split("=", 2)[1:] for word in words if word.startswith("--setenv="))

    assert properties["User"] == "getatext-gateway"  # the unit's own name, as systemd takes it
    for name in ("DynamicUser", "StateDirectory", "StateDirectoryMode", "UMask", "EnvironmentFile"):
        assert [properties[name]] == told[name]
    for name, value in data.items():
        assert f"{name}={value.replace('/var/lib', '%S')}" in told["Environment"]
    assert told["ExecStart"][0].split()[0] in words
    assert settings_named(read(UNIT) + script) <= SETTINGS
