"""The codes of legacy tools, matched against a price list."""

import pytest

from gateway.core.prices.service_codes import Assortment, ServiceCodes, overview, read_overrides
from tests.support.core import price

BUILT_IN = ServiceCodes.built_in()


def found(
    asked: str, *prices: str | tuple[str, int | None], **codes: tuple[str, ...]
) -> str | None:
    """What a code means where just these services are sold (name, or name and stock)."""
    listed = [
        price(each) if isinstance(each, str) else price(each[0], stock=each[1]) for each in prices
    ]
    match = Assortment(BUILT_IN.overridden(codes), listed).find(asked)
    return match.service_code if match else None


MATCHES = [  # what is sold, what is asked, what it is
    (["whatsapp"], "wa", "whatsapp"),
    (["whatsapp"], "WA", "whatsapp"),
    (["whatsapp"], " wa_0 ", "whatsapp"),
    (["whatsapp"], "wa_1", "whatsapp"),
    (["whatsapp"], "wa_2", None),
    (["WhatsApp"], "wa", "WhatsApp"),
    (["whatsapp"], "whatsapp", "whatsapp"),
    (["whatsapp"], "whatsapp_0", "whatsapp"),
    (["whatsapp"], "whats", None),
    (["google", "gmail"], "go", "google"),
    ([("google", 0), "gmail"], "go", "gmail"),
    ([("google", 0), ("gmail", 0)], "go", "google"),
    ([("google", 0), ("gmail", None)], "go", "gmail"),
    (["youtube", "gmail"], "go", "gmail"),
    (["instagram/threads"], "ig", "instagram/threads"),
    (["instagram/threads"], "instagram/threads", "instagram/threads"),
    (["google_voice"], "gf", "google_voice"),
    (["Google Voice"], "gf", "Google Voice"),
    (["x"], "tw", "x"),
    (["any"], "ot", "any"),
    # A code wins over a name of the same spelling, even where it means nothing.
    (["me", "line"], "me", "line"),
    (["me"], "me", None),
    (["service_1"], "service_1", "service_1"),
    (["微信"], "wb", None),
    ([], "wa", None),
    (["whatsapp"], "", None),
]


@pytest.mark.parametrize(("sold", "asked", "expected"), MATCHES)
def test_a_code_means_its_first_candidate_in_stock(
    sold: list[str], asked: str, expected: str | None
) -> None:
    assert found(asked, *sold) == expected


def test_a_service_whose_price_is_withheld_is_found_and_not_offered() -> None:
    google, gmail, signal = price("google"), price("gmail"), price("signal")
    assortment = Assortment(BUILT_IN, [gmail, signal], withheld=[google])

    assert assortment.find("go") == assortment.find("google") == google
    assert [offer.code for offer in assortment.offers] == ["bw", "gmail"]
    assert not assortment.quotes(google)
    assert assortment.quotes(gmail)


def test_an_operators_code_stands_in_place_of_ours() -> None:
    assert found("wa", "whatsapp", "business", wa=("business",)) == "business"
    assert found("zz", "whatsapp", zz=("nothing", "whatsapp")) == "whatsapp"
    assert found("wa", "whatsapp", wa=()) is None
    assert found("whatsapp", "whatsapp", wa=()) == "whatsapp"


DIALECTS = [  # a code, who sends it, what it means where all of these are sold
    ("wa", ("SMS-Activate", "DaisySMS"), "whatsapp"),
    ("uk", ("SMS-Activate",), "airbnb"),
    ("aarp", ("DaisySMS",), "AARP Rewards"),
    ("abb", ("DaisySMS",), "Coca-Cola"),
    ("unlisted", ("DaisySMS",), "Service Not Listed"),
]


@pytest.mark.parametrize(("code", "dialects", "service"), DIALECTS)
def test_a_code_tells_which_tools_send_it(
    code: str, dialects: tuple[str, ...], service: str
) -> None:
    sold = ["whatsapp", "airbnb", "AARP Rewards", "Coca-Cola", "Service Not Listed"]
    matches = overview(BUILT_IN, list(map(price, sold))).matches

    assert BUILT_IN.dialects[code] == dialects
    assert [each.dialects for each in matches if each.code == code] == [dialects]
    assert found(code, *sold) == service


def test_a_code_that_is_a_word_means_its_service_and_no_other_of_that_name() -> None:
    assert found("karma", "karma") is None
    assert found("karma", ("credit_karma", 0), "karma") == "credit_karma"
    assert found("shop", "shop") == "shop"
    assert found("shop", "shop", "Shop App") == "Shop App"


def test_the_first_dialects_spelling_is_asked_for_where_no_price_list_can_be_read() -> None:
    guessed = [BUILT_IN.guess(code) for code in ("gf", "dr", "pf", "chickfila")]

    assert guessed == ["googlevoice", "openai", "pof", "chick_fil_a"]


def test_an_operators_code_is_of_no_dialect() -> None:
    codes = BUILT_IN.overridden({"wa": ("business",), "zz": ("acorn",)})
    matches = {each.code: each for each in overview(codes, [price("business")]).matches}

    assert matches["wa"].dialects == matches["zz"].dialects == ()
    assert matches["tg"].dialects == ("SMS-Activate", "DaisySMS")


def test_everything_sold_is_offered_once_under_the_name_it_is_asked_by() -> None:
    listed = [price(code) for code in ("acorn", "gmail", "google", "me", "whatsapp")]
    offers = Assortment(BUILT_IN, listed).offers

    assert [(offer.code, offer.price.service_code) for offer in offers] == [
        ("wa", "whatsapp"),
        ("go", "google"),
        ("acorn", "acorn"),
        ("gmail", "gmail"),
    ]


def test_a_service_that_was_bought_keeps_its_code() -> None:
    assortment = Assortment(BUILT_IN, [price("google"), price("acorn")])

    assert [assortment.code_of(name) for name in ("google", "gmail", "acorn", "gone")] == [
        "go",
        "go",
        "acorn",
        "gone",
    ]


def test_the_overview_tells_what_is_matched_and_what_is_not() -> None:
    seen = overview(BUILT_IN, [price("whatsapp"), price("acorn"), price("tn")])
    matched = {match.code: match.price.service_code for match in seen.matches if match.price}

    assert matched == {"wa": "whatsapp"}
    assert len(seen.matches) == len(BUILT_IN.candidates) == 192
    # "tn" cannot be asked for: the code of that spelling means LinkedIn.
    assert [each.service_code for each in seen.without_code] == ["acorn"]


def test_without_a_price_list_the_first_candidate_is_meant() -> None:
    assert [BUILT_IN.guess(asked) for asked in ("go", "wa_0", "Acorn ", "x")] == [
        "google",
        "whatsapp",
        "Acorn",
        "x",
    ]


def test_an_operators_table_is_toml() -> None:
    table = read_overrides('wa = "whatsapp"\nZZ = ["one", " two "]\ntg = []\n')

    assert table == {"wa": ("whatsapp",), "zz": ("one", "two"), "tg": ()}
    assert "tg" not in BUILT_IN.overridden(table).candidates


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("wa =", "is not valid TOML"),
        ("wa = 5", "the code 'wa' must have a name"),
        ('wa = [5, "x"]', "the code 'wa' must have a name"),
        ('wa = ""', "the code 'wa' must have a name"),
        ('"w a" = "x"', "'w a' is no code"),
        ('[wa]\nx = "y"', "the code 'wa' must have a name"),
    ],
)
def test_a_table_that_is_wrong_says_where(toml: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_overrides(toml)
