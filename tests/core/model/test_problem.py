"""Problem documents: read back as the error that was written."""

import json
from decimal import Decimal

import pytest

from gateway.core.model.errors import GatewayError, InternalError, ServiceNotFound, Upstream
from gateway.core.model.http_errors import MethodNotAllowed
from gateway.core.model.prices import Candidate
from gateway.core.model.problem import ERRORS_BY_CODE, problem_json, read_problem
from gateway.core.model.provider_errors import PriceTooHigh, UpstreamRefused
from gateway.core.model.values import Charged
from tests.support.core import price

KINDS = [kind for kind in ERRORS_BY_CODE.values() if kind is not MethodNotAllowed]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_an_error_is_read_back_as_it_was_written(kind: type[GatewayError]) -> None:
    written = kind(
        "It happened.", charged=Charged.UNKNOWN, retry_after=3, upstream=Upstream(400, "no")
    )
    read = read_problem(problem_json(written, "trace"))

    assert type(read) is kind
    assert vars(read) == vars(written) | {"trace_id": "trace"}


def test_the_price_needed_is_read_back_too() -> None:
    written = PriceTooHigh()
    written.needs(Decimal("0.9"))
    read = read_problem(problem_json(written, "trace"))

    assert "it takes 0.90 USD now" in written.detail
    assert vars(read) == vars(written) | {"trace_id": "trace"}


def test_candidates_are_read_back_too() -> None:
    listed = [price("whatsapp", "0.55", stock=3), price("signal", "0.40", stock=None)]
    written = ServiceNotFound()
    written.suggest(tuple(map(Candidate.of, listed)))
    body = problem_json(written, "trace")
    newer = json.loads(body)
    newer["candidates"][0]["colour"] = "of a newer gateway"

    for read in (read_problem(body), read_problem(json.dumps(newer).encode())):
        assert vars(read) == vars(written) | {"trace_id": "trace"}
    assert "stock" not in newer["candidates"][1]


def test_of_classes_that_share_a_code_the_one_that_is_raised_is_read() -> None:
    assert ERRORS_BY_CODE["upstream_refused"] is UpstreamRefused
    assert ERRORS_BY_CODE["internal_error"] is InternalError


def test_a_code_of_a_newer_gateway_is_an_internal_error() -> None:
    body = json.loads(problem_json(GatewayError("New.", charged=Charged.YES), "trace"))
    read = read_problem(json.dumps(body | {"code": "new"}).encode())

    assert type(read) is InternalError
    assert (read.detail, read.charged) == (body["detail"], Charged.YES)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"1",
        b"{}",
        b'{"code": [], "charged": "no", "detail": ""}',
        b'{"code": "not_found", "charged": "perhaps", "detail": ""}',
        b'{"code": "not_found", "charged": "no"}',
        b'{"code": "not_found", "charged": "no", "detail": "", "upstream": 1}',
        b'{"code": "price_too_high", "charged": "no", "detail": "", "price_needed": "much"}',
        b'{"code": "price_too_high", "charged": "no", "detail": "", "price_needed": "NaN"}',
        b'{"code": "already_replaced", "charged": "no", "detail": "", "replaced_by": "x"}',
        b'{"code": "outcome_unknown", "charged": "unknown", "detail": "", "retry_after": "soon"}',
        b'{"code": "outcome_unknown", "charged": "unknown", "detail": "", "retry_after": Infinity}',
        b'{"code": "outcome_unknown", "charged": "unknown", "detail": "", "trace_id": {}}',
        b'{"code": "method_not_allowed", "charged": "no", "detail": ""}',
        b'{"code": "service_not_found", "charged": "no", "detail": "", "candidates": [{}]}',
        b'{"code": "service_not_found", "charged": "no", "detail": "", "candidates": 1}',
        b"[" * 100_000,
    ],
    ids=lambda body: body[:100].decode(),
)
def test_what_is_no_problem_document_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_problem(body)
