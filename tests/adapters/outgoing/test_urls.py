"""URLs that are written to mean another place than they seem to."""

import random
from ipaddress import ip_network

import pytest
from pydantic import ValidationError

from adapters.outgoing.sender import WebhookSender
from gateway.core.model.webhooks import CreateWebhook
from tests.adapters.outgoing.support import Numbers, Told, a_sender, listening, sent

REFUSED_AT_ONCE = [
    ("http://example.com/", "https"),
    ("ftp://example.com/", "https"),
    ("gopher://example.com/", "https"),
    ("javascript:alert(1)", "https"),
    ("//example.com/", "https"),
    ("example.com/hook", "https"),
    ("https:example.com", "https"),
    ("https:///x", "https"),
    ("https://", "https"),
    ("https://?x", "https"),
    ("https://:443/", "https"),
    ("https://example.com:0/", "https"),
    ("https://example.com:65536/", "https"),
    ("https://example.com:-1/", "https"),
    ("https://example.com:x/", "https"),
    ("https://a:b@example.com/", "user name"),
    ("https://a@example.com/", "user name"),
    ("https://@example.com/", "user name"),
    ("https://:@example.com/", "user name"),
    ("https://example.com@127.0.0.1/", "user name"),
    ("https://[@0x7f]127.1%@", ""),
    ("https://example.com\\@127.0.0.1/", "ASCII"),
    ("https:\\\\127.0.0.1/", "ASCII"),
    ("https://example.com/ x", "ASCII"),
    (" https://example.com/", "ASCII"),
    ("https://example.com/\r\nHost: internal", "ASCII"),
    ("https://example.com/\n", "ASCII"),
    ("https://exam\tple.com/", "ASCII"),
    ("https://example.com/\x00", "ASCII"),
    ("https://example.com/\x7f", "ASCII"),
    ("https://exam\u00adple.com/", "ASCII"),
    ("https://\uff11\uff12\uff17.0.0.1/", "ASCII"),
    ("https://127\u30020\u30020\u30021/", "ASCII"),
    ("https://\u2460\u2461\u2466.0.0.1/", "ASCII"),
    ("https://example.com/#x", "#"),
    ("https://example.com/#", "#"),
    ("https://%31%32%37.0.0.1/", "https"),
    ("https://ex%61mple.com/", "https"),
    ("https://a%00b/", "https"),
    ("https://[::1", "https"),
    ("https://::1/", ""),
    ("https://[::1%25lo]/", ""),
    ("https://[fe80::1%25eth0]/", ""),
    ("https://127.1/", "https"),
    ("https://2130706433/", "https"),
    ("https://0x7f.1/", "https"),
    ("https://0177.0.0.1/", "https"),
    ("https://127.0.0.1./", "https"),
    ("https://0/", "https"),
    ("https://a..b/", "https"),
    ("https://%[v1.a127.1]@", "https"),
    ("https://127.0.0.1/", "address"),
    ("https://127.0.0.1:8443/", "address"),
    ("HTTPS://127.0.0.1/", "address"),
    ("https://0.0.0.0/", "address"),
    ("https://10.0.0.1/", "address"),
    ("https://169.254.169.254/latest/meta-data/", "address"),
    ("https://[::]/", "address"),
    ("https://[::1]/", "address"),
    ("https://[0:0:0:0:0:0:0:1]/", "address"),
    ("https://[::ffff:127.0.0.1]/", "address"),
    ("https://[::ffff:7f00:1]/", "address"),
    ("https://[::127.0.0.1]/", "address"),
    ("https://[64:ff9b::7f00:1]/", "address"),
    ("https://[2002:7f00:1::]/", "address"),
]


@pytest.mark.parametrize(("url", "word"), REFUSED_AT_ONCE)
async def test_what_can_never_be_sent_to_is_refused_with_a_sentence(url: str, word: str) -> None:
    resolver = Told(["127.0.0.1"])
    async with a_sender((), resolver=resolver) as sender:
        with pytest.raises(ValueError, match=f"(?s).*{word}"):
            sender.check_url(url)
        result = await sent(sender, url)

    assert result.status is None
    assert result.error


@pytest.mark.parametrize(
    "url",
    ["https://example.com", "https://example.com:8443/a?b=c", "https://8.8.8.8/x", "https://a_b.c/",
     "https://example.com/@x", "https://example.com/%40?u=a@b", "https://xn--bcher-kva.example/",
     "HTTPS://EXAMPLE.COM/", "https://[2606:4700:4700::1111]:8443/"],
)  # fmt: skip
async def test_public_places_are_taken(url: str) -> None:
    async with a_sender(()) as sender:
        sender.check_url(url)


@pytest.mark.parametrize("length", [2000, 2001])
def test_a_url_has_2000_characters_and_no_more(length: int) -> None:
    url = "https://example.com/".ljust(length, "x")
    given = {"url": url, "events": ["rental.ended"]}
    if length > 2000:
        with pytest.raises(ValidationError):
            CreateWebhook.model_validate(given)
    else:
        assert CreateWebhook.model_validate(given).url == url


PIECES = (
    "https://", "http://", "[", "]", "::1", "%25lo", "%", "@", "a", "127.1", ":", "0", "99999",
    "/", "?", "#", "v1.", "..", ".", "\\", "-", "_", "xn--", "%00", "|", "<", "^", "0x7f", ";",
)  # fmt: skip


async def test_whatever_is_written_is_taken_or_refused_in_words() -> None:
    """No fault of the library's comes through, such as the one for an @ in brackets."""
    drawn = random.Random(17)
    said: set[str] = set()
    async with a_sender((ip_network("10.0.0.0/8"),)) as sender:
        for _ in range(1500):
            url = "https://" + "".join(drawn.choices(PIECES, k=drawn.randint(0, 7)))
            said.add(_said(sender, url))

    assert "" in said
    assert len(said) >= 5


def _said(sender: WebhookSender, url: str) -> str:
    try:
        sender.check_url(url)
    except ValueError as refusal:
        return str(refusal)
    return ""


LOOPBACKS = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "017700000001", "0x7f000001", "0x7f.1",
    "0x7f.0.0.1", "0177.0.0.1", "0177.1", "127.0.0.1.", "127.1.", "0", "0.0.0.0", "000.0.0.0",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1]", "[::]", "[::127.0.0.1]",
    "[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:0:127.0.0.1]", "localhost.", "%6c%6f",
]  # fmt: skip


@pytest.mark.parametrize("host", LOOPBACKS)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_no_spelling_of_loopback_reaches_it(host: str, scheme: str) -> None:
    """Not even where the resolver reads every spelling, and plain http goes to another network."""
    networks = (ip_network("10.0.0.0/8"),) if scheme == "http" else ()
    async with listening() as here, a_sender(networks, resolver=Numbers()) as sender:
        for _ in range(2):
            result = await sent(sender, f"{scheme}://{host}:{here.port}/")

            assert result.status is None
            assert result.error
            assert "127" not in result.error
        assert here.opened == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "10.0.0.1", "[::1]", "127.1"])
async def test_a_literal_is_never_asked_of_a_resolver(host: str) -> None:
    resolver = Told(["127.0.0.1"])
    async with listening() as here, a_sender((), resolver=resolver) as sender:
        for _ in range(3):
            assert (await sent(sender, f"https://{host}:{here.port}/")).status is None

        assert resolver.asked == []
        assert here.opened == 0


async def test_a_literal_in_an_allowed_network_is_sent_to() -> None:
    async with listening() as here, a_sender() as sender:
        assert (await sent(sender, here.url)).status == 204
        mapped = here.url.replace("127.0.0.1", "[::ffff:127.0.0.1]")
        assert (await sent(sender, mapped)).status == 204
