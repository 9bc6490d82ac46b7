"""Holds every response of the REST face against the committed openapi.yaml; the other documents."""

import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from multidict import CIMultiDictProxy

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "openapi.yaml"
DERIVED = {
    "3.0": ROOT / "docs/openapi/openapi-3.0.json",
    "2.0": ROOT / "docs/openapi/swagger.json",
}
PROBLEM_JSON = "application/problem+json"
# What may answer an address or a method that no operation has.
OUTSIDE = (401, 404, 405)
MONEY = {
    "no": "Nothing was charged.",
    "yes": "It was charged.",
    "unknown": "It is not known whether money was charged.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, read whole."""

    method: str
    path: str
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "")


@lru_cache(3)
def committed(spec: str = "3.1") -> dict[str, Any]:
    """The committed document of a dialect."""
    path = COMMITTED if spec == "3.1" else DERIVED[spec]
    text = path.read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(text) if spec == "3.1" else json.loads(text)
    return document


def at_reference(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """A part of a document, with its reference followed where it is one."""
    found: Any = document
    for name in node.get("$ref", "").split("/")[1:]:
        found = found[name]
    return found if "$ref" in node else node


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """The operation at an address; HEAD is asked of the same one as GET."""
    wanted = "get" if method == "HEAD" else method.lower()
    for pattern, item in _paths():
        if pattern.fullmatch(path):
            found: dict[str, Any] | None = item.get(wanted)
            return found
    return None


def check(answer: Answer) -> None:
    """Raises AssertionError where a response under /v1/ is not what the document promises."""
    assert answer.headers.get("X-Request-Id"), "X-Request-Id is missing"
    operation = operation_of(answer.method, answer.path)
    promised = operation["responses"].get(str(answer.status)) if operation else None
    if operation is None:
        assert answer.status in OUTSIDE, f"{answer.status} outside any operation"
        promised = _PROBLEM
    assert promised is not None, f"{answer.status} is not documented: {answer.body[:300]!r}"
    promised = at_reference(committed(), promised)
    check_headers(answer, promised.get("headers", {}))
    if answer.method == "HEAD" or "content" not in promised:
        assert answer.body == b"", "a body where none may be"
        return
    ((content_type, media),) = promised["content"].items()
    assert answer.content_type == content_type
    faults = [f"{fault.json_path}: {fault.message}" for fault in _faults(media, answer.json)]
    assert not faults, faults
    if content_type == PROBLEM_JSON:
        check_problem(answer)


def check_headers(answer: Answer, promised: dict[str, Any]) -> None:
    """No header of ours comes undocumented, and those that are never absent come."""
    ours = {name for name in committed()["components"]["headers"] if name in answer.headers}
    undocumented = ours - promised.keys()
    assert not undocumented, f"{answer.status} with {undocumented}, which is not documented"
    assert promised.keys() - ours <= {"Retry-After", "Idempotency-Replayed"}


def check_problem(answer: Answer) -> None:
    """What holds for every problem, whatever it is about."""
    problem = answer.json
    assert problem["status"] == answer.status
    assert problem["type"] == f"urn:getatext-gateway:error:{problem['code']}"
    if "Idempotency-Replayed" not in answer.headers:  # else it is the first answer's
        assert problem["trace_id"] == answer.headers["X-Request-Id"]
    assert MONEY[problem["charged"]] in problem["detail"]
    assert answer.headers["Cache-Control"] == "no-store"
    if answer.status in (408, 429) or answer.status >= 500:
        # Low-code platforms repeat these by themselves.
        assert problem["charged"] == "no", problem
    if "retry_after" in problem:
        assert answer.headers["Retry-After"] == str(problem["retry_after"])


def validator(reference: str) -> Draft202012Validator:
    """Of a schema of the document, by its reference."""
    return _validator(reference)


_PROBLEM = {
    "headers": {"X-Request-Id": {}},
    "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def _faults(media: dict[str, Any], body: Any) -> Any:
    return _validator(media["schema"]["$ref"]).iter_errors(body)


@lru_cache
def _validator(reference: str) -> Draft202012Validator:
    schema = {"$ref": reference, "components": committed()["components"]}
    return Draft202012Validator(schema, format_checker=_FORMATS)


@lru_cache(1)
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    return [
        (re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "/?"), item)
        for path, item in committed()["paths"].items()
    ]


_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_instant(raw: object) -> bool:
    if not isinstance(raw, str):
        return True
    return raw.endswith("Z") and datetime.fromisoformat(raw).tzinfo is not None


@_FORMATS.checks("date", raises=ValueError)
def _is_date(raw: object) -> bool:
    return not isinstance(raw, str) or date.fromisoformat(raw).isoformat() == raw
