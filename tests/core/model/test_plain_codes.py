"""The code in a text: found where it is plain, and never guessed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model.plain_codes import plain_code, shows_code

AS_IT_STANDS = ["048213", "123-456", "123 456", "12 34 56", "G-482913", "ab12", "HFKDB"]
PLAIN = [
    ("Use 482913 to log in", "482913"),
    ("#7788", "7788"),
    ("12.34.56", "123456"),
    ("<#> 445566 is your code", "445566"),
    ("<#> 445566 is your code FA+9qCX9VSu", "445566"),
    ("Your code: G-482913", "482913"),
    ("FB-48291 is your code", "48291"),
    ("Code 4455 expires in 10 minutes", "4455"),
    ("\u0664\u0668\u0662\u0669\u0661\u0663", "482913"),
    ("\uff14\uff18\uff12\uff19\uff11\uff13", "482913"),
    ("\u9a8c\u8bc1\u7801482913\uff0c5\u5206\u949f\u5185\u6709\u6548", "482913"),
    ("Your code is 123 456.", "123456"),
    ("Your code is 123\u2011456", "123456"),
    ("code 1 2 3 4 5 6 ok", "123456"),
    ("4829-1357 is the code", "48291357"),
    ("Your code is: 482913.Do not share it", "482913"),
    ("Your code is 123456. @example.com #123456", "123456"),
    ("482913 or tap https://x.example/a/918273", "482913"),
    ("example.com/a/918273 code 4455", "4455"),
    ("You paid $4500 and 12.50 EUR, code 1122", "1122"),
    ("Rs.5000 and USD 4500 spent, OTP 771199", "771199"),
    ("In 2024 your code is 8831", "8831"),
    ("2024 is your code", "2024"),
    ("Code 9911, until 12:30 on 11/29/2026 or 30.11.26", "9911"),
    ("Call 415-555-1234 or +14155551234 about code 9911", "9911"),
    ("Order 556677: your code is 1234", "1234"),
    ("Reply STOP to 40404. Code: 771199", "771199"),
    ("Valid for 3600 seconds: 4455", "4455"),
    ("Your Steam code is X7K9Q2", "X7K9Q2"),
    ("OTP 4829 for Rs. 5000", "4829"),
    ("Your code is 4829\n4sgLq1p5sV6", "4829"),
    ("At 12:30 4829 was your code, 5.00 4829", "4829"),
    ("Code 4829 12:30, 4829 5 minutes", "4829"),
    ("Your code: " + "".join(f"{digit}\ufe0f\u20e3" for digit in "482913"), "482913"),
    ("4\u03088291\u0308", "48291"),
]
NOT_PLAIN = [
    "",
    "no digits at all",
    "https://example.com/verify/482913",
    "Use 482913 or 112233",
    "Your code is 1234 or 5678",
    "Your code is 123. Order 445566",
    "Your code is 123456789012",
    "You paid $4500 today",
    "Code X7K9Q2 or 445566",
    "482913 482914",
    "Your PIN is 48 2913",
    "4829\u00a013",
    "Use 4829-13A to log in",
    "Use 4829-A13 to log in",
    "Use version v2.4829",
    "You paid USD 5000",
    "Use it now",
    "\uff11\uff12\uff13",
]
HARMLESS = st.lists(
    st.sampled_from(["your", "is", "code", "Use", "to", "log", "hello!", "PIN:", "(ok)", "-"]),
    max_size=8,
)


@pytest.mark.parametrize("text", AS_IT_STANDS)
def test_what_is_nothing_but_a_code_stays_as_it_is(text: str) -> None:
    assert plain_code(text) == text


@pytest.mark.parametrize(("text", "code"), PLAIN)
def test_the_only_thing_that_looks_like_a_code_is_it(text: str, code: str) -> None:
    assert plain_code(text) == code


@pytest.mark.parametrize("text", NOT_PLAIN)
def test_where_none_is_plain_none_is_taken(text: str) -> None:
    assert plain_code(text) is None


@given(HARMLESS, st.from_regex(r"[0-9]{4,8}", fullmatch=True), HARMLESS)
def test_one_group_of_digits_among_harmless_words_is_the_code(
    before: list[str], digits: str, after: list[str]
) -> None:
    assert plain_code(" ".join([*before, digits, *after])) == digits


@given(st.text() | st.text(alphabet="aA1-. /:@,#$", min_size=300, max_size=1000))
def test_a_code_is_short_and_plain(text: str) -> None:
    code = plain_code(text)

    assert code is None or re.fullmatch(r"[0-9A-Za-z]+([ -][0-9A-Za-z]+){0,9}", code)


@pytest.mark.parametrize(
    ("text", "code", "same"),
    [
        ("482913", "482913", True),
        ("482913", "2913", False),
        ("Use 482913 to log in", "482913", True),
        ("Use 482913 to log in", "Use 482913 to log in", True),
        ("Use 482913 to log in", "112233", False),
        ("1234 or 5678", "5678", True),
        ("1234 or 5678", "567", False),
        ("1234 or 5678", "The sender's words: 1234 or 5678", True),
        ("Use 482913 to log in", "The sender's words: Use 482913 to log in", True),
        ("Go to https://x.io/a?b=1!", "The words: Go to hxxps://x[.]io/a?b=1!", True),
        ("Go to https://x.io/a?b=1!", "https://x.io/a?b=1", True),
        ("Go to https://x.io/a?b=1!", "Go to hxxps://x[.]io/a?b=2!", False),
        ("1234", "The sender's words: 12345 or 5678", False),
        ("\u200b", "4829", False),
        ("\u0664\u0668\u0662\u0669\u0661\u0663", "482913", True),
    ],
)
def test_a_code_is_known_again_by_what_its_reader_took_from_it(
    text: str, code: str, same: bool
) -> None:
    assert shows_code(text, code) is same
