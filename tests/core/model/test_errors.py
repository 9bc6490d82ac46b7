"""The error tree: one code each, and a sentence about money in every detail."""

import math
from collections.abc import Iterator

import pytest

from gateway.core.model.errors import (
    GatewayError,
    InvalidRequest,
    OutcomeUnknown,
    RateLimited,
    Upstream,
)
from gateway.core.model.problem import problem, problem_json
from gateway.core.model.provider_errors import UpstreamRefused
from gateway.core.model.values import Charged
from tests.support.contract import MONEY


def tree(root: type[GatewayError] = GatewayError) -> Iterator[type[GatewayError]]:
    for child in root.__subclasses__():
        yield child
        yield from tree(child)


ERRORS = [error for error in tree() if error.__module__.startswith("gateway.core.")]
BASES = {"Refused", "UpstreamFault"}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_detail_says_whether_money_moved(error: type[GatewayError]) -> None:
    told = problem(error(), "trace")

    assert MONEY[told.charged.value] in told.detail
    assert told.type == f"urn:getatext-gateway:error:{error.code}"
    assert told.status == error.http_status
    assert told.title
    assert (error.__doc__ or "").strip()


def test_every_code_belongs_to_one_error() -> None:
    codes = [error.code for error in ERRORS if error.__name__ not in BASES]

    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_what_platforms_repeat_by_themselves_never_follows_a_purchase(
    error: type[GatewayError],
) -> None:
    repeated = error.http_status in (408, 429) or error.http_status >= 500

    assert not repeated or error().charged is Charged.NO


def test_fields_that_say_nothing_are_left_out() -> None:
    body = problem_json(InvalidRequest("number: is wrong."), "trace")

    assert b"null" not in body
    assert b"retry_after" not in body
    assert b"upstream" not in body


@pytest.mark.parametrize(("seconds", "told"), [(0.0, 1), (0.2, 1), (1.0, 1), (1.1, 2), (60, 60)])
def test_waits_are_whole_seconds_rounded_up(seconds: float, told: int) -> None:
    assert problem(RateLimited(retry_after=seconds), "trace").retry_after == told
    assert not math.isnan(told)


def test_the_providers_words_are_passed_on_shortened() -> None:
    told = problem(UpstreamRefused(upstream=Upstream(400, "x" * 900)), "trace")

    assert told.upstream is not None
    assert told.upstream.message == "x" * 500


def test_an_unknown_outcome_says_so() -> None:
    told = problem(OutcomeUnknown(), "trace")

    assert (told.status, told.charged, told.retryable) == (409, Charged.UNKNOWN, False)
