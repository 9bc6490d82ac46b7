"""The page on which a person allows a client of /mcp a key of its own, or does not."""

import hashlib
import hmac
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from html import escape

from aiohttp import hdrs, web
from pydantic import ValidationError

from gateway.core.auth.oauth import redirects
from gateway.core.auth.oauth.consent import ConsentRefused
from gateway.core.auth.oauth.service import OAuth
from gateway.core.auth.oauth.sign_ins import LASTS
from gateway.core.model.errors import GatewayError, RateLimited
from gateway.core.model.oauth import LABELS, GrantAsked, OAuthClient, SignIn
from gateway.http.pages.frame import framed
from gateway.http.wire.addresses import OwnAddress
from gateway.http.wire.forms import Parameters, query_parameters, read_parameters

PATH = "/consent"
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action {targets}; frame-ancestors 'none'"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Another policy would hide from this page's own form where it comes from.
    "Referrer-Policy": "same-origin",
}
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_UNITS = {"max_price": ("0.01", "USD"), "budget_day": ("0.01", "USD")}
_HEAD = '<link rel="stylesheet" href="assets/consent.css">\n'


@dataclass(frozen=True, slots=True)
class Asking:
    """A sign-in under way: what was sealed, who asks, and in which browser."""

    sealed: str
    sign_in: SignIn
    client: OAuthClient
    browser: str

    @property
    def cookie(self) -> str:
        """The name of its cookie: a page beside it has another one."""
        return _cookie(self.sealed)


class Ended(Exception):
    """A sign-in that cannot go on; the message says why."""


class ConsentPage:
    """Shows who asks and for what, and takes the answer. It needs no script."""

    def __init__(
        self, oauth: OAuth, address: OwnAddress, sender: Callable[[web.Request], str]
    ) -> None:
        """`sender`: the address that a wrong key is counted for."""
        self._oauth = oauth
        self._address = address
        self._sender = sender

    def routes(self) -> list[web.RouteDef]:
        """The page, and where its form goes."""
        return [web.get(PATH, _told(self._show)), web.post(PATH, _told(self._answer))]

    async def _show(self, request: web.Request) -> web.StreamResponse:
        asking = await self._asking(request, query_parameters(request))
        response = self._page(request, asking, {})
        response.set_cookie(
            asking.cookie,
            asking.browser,
            max_age=int(LASTS.total_seconds()),
            path=f"{self._address.path}{PATH}",
            secure=self._address.of(request).startswith("https:"),
            httponly=True,
            samesite="Strict",
        )
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        given = await read_parameters(request)
        asking = await self._asking(request, given)
        self._check_form(request, asking, given)
        if given.get("decision") == "deny":
            return self._back(request, asking.sign_in, error="access_denied")
        if given.get("decision") != "allow":
            return self._page(request, asking, given.values, "Choose Allow or Deny.", status=400)
        return await self._allow(request, asking, given)

    async def _allow(
        self, request: web.Request, asking: Asking, given: Parameters
    ) -> web.StreamResponse:
        values, headers = dict(given.values), dict[str, str]()
        try:
            asked = GrantAsked.model_validate({name: values.get(name, "") for name in LABELS})
            code = await self._tried(self._sender(request), values.get("key", ""), asked, asking)
        except ValidationError as fault:
            status, notice = 400, _sentence(fault)
        except GatewayError as fault:
            status, notice, headers = fault.http_status, fault.detail, _waiting(fault)
            if isinstance(fault, RateLimited):
                notice = "Too many wrong keys from here. Try again later."
        except ConsentRefused as refused:
            status, notice = 400 if refused.fitting else 403, str(refused)
            if refused.fitting is not None:
                values |= refused.fitting.model_dump(mode="json")
        else:
            return self._back(request, asking.sign_in, code=code)
        return self._page(request, asking, values, notice, status=status, headers=headers)

    async def _tried(self, sender: str, key: str, asked: GrantAsked, asking: Asking) -> str:
        """The code that a key leads to; it counts as a wrong one until it is known not to be.

        Raises ConsentRefused, and GatewayError.
        """
        wrong, attempts = False, self._oauth.wrong_keys
        attempts.check(sender)
        attempts.count(sender)
        try:
            return await self._oauth.consent.allow(key, asked, asking.client, asking.sign_in)
        except ConsentRefused as refused:
            wrong = refused.wrong_key
            raise
        finally:
            if not wrong:
                attempts.take_back(sender)

    async def _asking(self, request: web.Request, given: Parameters) -> Asking:
        """The sign-in that a request is about. Raises Ended."""
        sealed = given.get("request") or ""
        sign_in = self._oauth.sign_ins.unseal(sealed)
        client = sign_in and await self._oauth.clients.find(sign_in.client_id)
        if not sign_in or not client:
            raise Ended("It took too long, or the address is not complete.")
        browser = request.cookies.get(_cookie(sealed), "")
        return Asking(sealed, sign_in, client, browser or secrets.token_urlsafe(24))

    def _check_form(self, request: web.Request, asking: Asking, given: Parameters) -> None:
        """Raise Ended unless this page was shown to this browser for this sign-in."""
        origin = request.headers.get(hdrs.ORIGIN)
        own = self._address.of(request)
        expected = self._oauth.sign_ins.form_token(asking.sealed, asking.browser)
        if origin is not None and not f"{own}/".startswith(f"{origin}/"):
            raise Ended("The form was sent from another site.")
        if given.repeated or not hmac.compare_digest(
            expected.encode(), (given.get("form") or "").encode()
        ):
            raise Ended("The form is not from this browser, or its cookies are off.")

    def _back(self, request: web.Request, sign_in: SignIn, **answer: str) -> web.StreamResponse:
        """The redirect to the client. 303: whatever was posted here, it is asked by GET."""
        iss = self._address.of(request)
        location = redirects.with_parameters(
            sign_in.redirect_uri, **answer, state=sign_in.state, iss=iss
        )
        return web.Response(status=303, headers={**_headers(sign_in), hdrs.LOCATION: location})

    def _page(
        self,
        request: web.Request,
        asking: Asking,
        values: Mapping[str, object],
        notice: str = "",
        *,
        status: int = 200,
        headers: Mapping[str, str] = {},
    ) -> web.Response:
        """The page with the limits as they were given; never with the key."""
        sign_ins = self._oauth.sign_ins
        safe = {
            "client": escape(asking.client.name),
            "target": escape(redirects.target(asking.sign_in.redirect_uri)),
            "base": escape(self._address.of(request)),
            "request": escape(asking.sealed),
            "form": sign_ins.form_token(asking.sealed, asking.browser),
            "notice": notice and f'<p class="notice" role="alert">{escape(notice)}</p>\n',
            "fields": _fields(values),
            "invalid": ' aria-invalid="true"' if status == 403 else "",
        }
        return _html("consent", safe, status, {**_headers(asking.sign_in), **headers})


def _fields(values: Mapping[str, object]) -> str:
    usual = GrantAsked()
    rows = []
    for name, label in LABELS.items():
        step, unit = _UNITS.get(name, ("1", ""))
        value = escape(str(values.get(name, getattr(usual, name))))
        rows.append(
            f'<p><label for="{name}">{label}{unit and f" ({unit})"}</label>\n'
            f'<input id="{name}" name="{name}" type="number" inputmode="decimal" min="0" '
            f'step="{step}" required value="{value}"></p>\n'
        )
    return "".join(rows)


def _sentence(fault: ValidationError) -> str:
    """What is wrong with the limits, without what was typed."""
    said = {LABELS[str(error["loc"][0])]: error["msg"] for error in fault.errors()}
    return " ".join(f"{label}: {message}." for label, message in said.items())


def _headers(sign_in: SignIn) -> dict[str, str]:
    # Chrome holds the redirect after the form against form-action, too.
    targets = f"'self' {redirects.source(sign_in.redirect_uri)}"
    return {**_HEADERS, "Content-Security-Policy": _POLICY.format(targets=targets)}


def _told(handler: _Handler) -> _Handler:
    """The handler, with a page for what it raises."""

    async def tell(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Ended as ended:
            why = f"{ended} Go back to the app that brought you here and connect it again."
            return _stopped("This sign-in has ended", why)
        except GatewayError as fault:
            title = "This sign-in cannot go on now"
            return _stopped(title, fault.detail, fault.http_status, _waiting(fault))

    return tell


def refused_page(code: str, description: str) -> web.Response:
    """A page about a client's request that was refused by this code of OAuth."""
    why = f"The app that brought you here asked for it in a wrong way: {code} ({description})."
    return _stopped("This sign-in cannot begin", why)


def _stopped(
    title: str, why: str, status: int = 400, headers: Mapping[str, str] = {}
) -> web.Response:
    policy = {"Content-Security-Policy": _POLICY.format(targets="'none'")}
    safe = {"title": escape(title), "why": escape(why)}
    return _html("sign-in-stopped", safe, status, {**_HEADERS, **policy, **headers})


def _waiting(fault: GatewayError) -> dict[str, str]:
    if fault.retry_after is None:
        return {}
    return {hdrs.RETRY_AFTER: str(math.ceil(fault.retry_after))}


def _cookie(sealed: str) -> str:
    return f"getatext_consent_{hashlib.sha256(sealed.encode()).hexdigest()[:16]}"


def _html(
    name: str, safe: Mapping[str, str], status: int, headers: Mapping[str, str]
) -> web.Response:
    text = framed(name, "Getatext Gateway: sign-in", safe, _HEAD)
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)
