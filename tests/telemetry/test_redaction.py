import pytest

from gateway.telemetry.redaction import REDACTED, Redactor

PLAIN = "kq7Plain-0wn"  # looks like no key at all: only the place it stands in gives it away

HIDING_PLACES = [
    f"GET /stubs/handler_api?api_key={PLAIN}&action=getBalance",
    f"https://x.example/?a=1&apiKey={PLAIN}",
    f"https%3A%2F%2Fx%2F%3Fapi_key%3D{PLAIN}",
    f"Auth: {PLAIN}",
    f"auth:{PLAIN}",
    f"X-API-Key: {PLAIN}\r\nHost: x",
    f"x-apikey: {PLAIN}\r\nHost: x",
    f"GET /daisysms/stubs/handler_api.php?api_key={PLAIN}&action=getBalance",
    f"Authorization: Bearer {PLAIN}",
    f"authorization: bearer   {PLAIN}",
    f"Authorization: Basic {PLAIN}",
    f"sent Bearer {PLAIN} upstream",
    f"{{'Auth': '{PLAIN}'}}",
    f'{{"api_key": "{PLAIN}", "x": 1}}',
    f'"{{\\"api_key\\": \\"{PLAIN}\\"}}"',
    f"[(b'Auth', b'{PLAIN}'), (b'Host', b'x')]",
    f"b'X-Api-Key: {PLAIN}'",
    f"<CIMultiDictProxy('Auth': '{PLAIN}', 'Host': 'x')>",
    f"POST /webhooks/getatext/{PLAIN} 200",
    f"http://127.0.0.1/webhooks/getatext/{PLAIN}?x=1",
    f"postgresql://gateway:{PLAIN}@db/gateway",
]


@pytest.mark.parametrize("text", HIDING_PLACES)
def test_a_key_is_found_by_where_it_stands(text: str) -> None:
    clean = Redactor().text(text)

    assert PLAIN not in clean
    assert REDACTED in clean


@pytest.mark.parametrize(
    "key", ["sk_live_9Zx81", "sk_demo", "gtw_5fA-x_1", "SK_LIVE_1", "sk-abc123"]
)
def test_a_key_is_found_by_its_look(key: str) -> None:
    assert Redactor().text(f"no such service: {key}.") == f"no such service: {REDACTED}."


@pytest.mark.parametrize(
    "text",
    [
        "rentals: 3 active, task_12345 done, risk_free",
        "GET /v1/rentals/{rental_id} 200",
        "the author of this: Ann",
        "https://getatext.com/api/v1/balance",
        "2026-11-24T03:38:18Z",
    ],
)
def test_ordinary_words_stay_as_they_are(text: str) -> None:
    assert Redactor().text(text) == text


@pytest.mark.parametrize(
    "written",
    [
        'my "own"/päss',
        "my+%22own%22%2Fp%C3%A4ss",
        "my%20%22own%22/p%C3%A4ss",
        'my \\"own\\"/p\\u00e4ss',
    ],
)
def test_a_known_secret_is_found_however_it_is_quoted(written: str) -> None:
    redactor = Redactor(['my "own"/päss'])

    assert redactor.text(f"<{written}>") == f"<{REDACTED}>"


def test_a_secret_that_holds_another_goes_whole() -> None:
    assert Redactor(["abcd", "abcdefgh"]).text("abcdefgh abcd") == f"{REDACTED} {REDACTED}"


def test_a_very_short_secret_does_not_eat_ordinary_words() -> None:
    assert Redactor(["", "a"]).text("a balance") == "a balance"


def test_values_are_cleaned_however_deep() -> None:
    found = Redactor(["hunter22"]).value(
        {"a": [{"b": ("x hunter22", b"hunter22")}], "hunter22": 1, "n": 7, "none": None, "t": True}
    )

    inner = [{"b": [f"x {REDACTED}", REDACTED]}]
    assert found == {"a": inner, REDACTED: 1, "n": 7, "none": None, "t": True}


@pytest.mark.parametrize(
    "name",
    ["Auth", "Authorization", "X-API-Key", "api_key", "gateway_secret", "metrics_token", "key"],
)
def test_a_name_that_promises_a_secret_hides_its_value(name: str) -> None:
    redactor = Redactor()

    assert redactor.fields({name: PLAIN}) == {name: REDACTED}
    assert redactor.value([(name.encode(), PLAIN.encode())]) == [[name, REDACTED]]


def test_an_object_is_cleaned_as_the_text_it_would_be_written_as() -> None:
    assert Redactor().value(ValueError(f"Auth: {PLAIN}")) == f"Auth: {REDACTED}"
