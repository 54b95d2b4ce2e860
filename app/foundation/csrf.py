"""Tells a request of our own pages from one that another site made the browser send.

Two independent proofs are asked of every unsafe request that a cookie authenticates: the browser's own word on
which page sent it (`Origin`, or `Sec-Fetch-Site`), and a token that only a page of ours can have read.
Spec: OWASP ASVS 5.0 V3.5; Fetch §3.1; Fetch Metadata.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Collection
from enum import StrEnum
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import HTTPConnection, Request

from app.foundation.cookies import Cookies
from app.foundation.encryption import Keyring, UnknownKey
from app.foundation.errors import Forbidden
from app.foundation.provide import provided
from app.foundation.secrets import encode_secret, equal

HEADER = "x-csrf-token"
FIELD = "csrf_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_PURPOSE = "csrf"
_KEY_ID_BYTES = 4
_MAX_TOKEN_CHARACTERS = 128
_MAX_FIELDS = 200
_FORM_TYPE = "application/x-www-form-urlencoded"


class CSRFFailed(Forbidden):
    """The browser did not say that a page of ours sent this, or the token of `GET /auth/csrf` is missing or wrong."""

    code, title = "csrf_failed", "This did not come from our own page"


class Page(StrEnum):
    """Which page the browser says has sent a request. Programs that are no browsers say nothing."""

    OURS = "ours"
    FOREIGN = "foreign"
    UNSAID = "unsaid"


class CSRF:
    """Makes and checks CSRF tokens, and judges where a request came from.

    A token is an HMAC over the cookie that it belongs to, so nothing is stored, every process can check it, and it
    ends with that cookie. `origins` are compared as whole strings.
    """

    def __init__(self, keyring: Keyring, *, public_url: str, origins: Collection[str]) -> None:
        parts = urlsplit(public_url)
        self._keyring = keyring
        self._origins = frozenset({f"{parts.scheme}://{parts.netloc}", *origins})

    def token(self, bound_to: str) -> str:
        """The token that belongs to a cookie's value."""
        key_id = self._keyring.current_id
        return encode_secret(bytes.fromhex(key_id) + self._tag(key_id, bound_to))

    def matches(self, token: str, bound_to: str) -> bool:
        """Whether a token, whatever its bytes, belongs to a cookie's value."""
        if len(token) > _MAX_TOKEN_CHARACTERS:
            return False
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            expected = self._tag(raw[:_KEY_ID_BYTES].hex(), bound_to)
        except (binascii.Error, ValueError, UnknownKey):
            return False
        return equal(raw[_KEY_ID_BYTES:], expected)

    def page_of(self, connection: HTTPConnection) -> Page:
        """Which page sent this.

        A form on a page with `Referrer-Policy: no-referrer` says `Origin: null` even to its own origin; there
        Sec-Fetch-Site decides, which no script can set.
        """
        origins = connection.headers.getlist("origin")
        sites = connection.headers.getlist("sec-fetch-site")
        if len(origins) > 1 or len(sites) > 1:
            return Page.FOREIGN
        if origins and origins[0] != "null":
            return Page.OURS if origins[0] in self._origins else Page.FOREIGN
        if sites and sites[0] != "none":
            return Page.OURS if sites[0] == "same-origin" else Page.FOREIGN
        return Page.FOREIGN if origins else Page.UNSAID

    def _tag(self, key_id: str, bound_to: str) -> bytes:
        # A hash of the cookie first: the token may be read by scripts and tells nothing about it.
        digest = hashlib.sha256(bound_to.encode()).digest()
        return hmac.digest(self._keyring.derive(_PURPOSE, key_id=key_id), digest, "sha256")


async def refuse_forgery(request: Request, *, bound_to: str) -> None:
    """Refuse an unsafe request that another site may have made the browser send.

    `bound_to` is the value of the cookie that authenticates the request. Raises CSRFFailed.
    """
    if request.method in SAFE_METHODS:
        return
    csrf = provided(request.app, CSRF)
    if csrf.page_of(request) is not Page.OURS:
        raise CSRFFailed("With a cookie this needs the Origin of our own page.", detail="foreign or missing Origin")
    token = request.headers.get(HEADER) or await _form_field(request)
    if token is None or not csrf.matches(token, bound_to):
        raise CSRFFailed("The header X-CSRF-Token must carry the token of GET /auth/csrf.", detail="CSRF token")


def refuse_foreign_page(connection: HTTPConnection) -> None:
    """Refuse what another site's page sent, where no cookie authenticates yet.

    It would sign the browser in as somebody else. Programs that are no browsers pass. Raises CSRFFailed.
    """
    if provided(connection.app, CSRF).page_of(connection) is Page.FOREIGN:
        raise CSRFFailed("Another site's page sent this.", detail="foreign Origin")


def cookie_bound_to(connection: HTTPConnection) -> str | None:
    """The cookie that this browser's CSRF token belongs to: the session's, else the visitor's, else None."""
    cookies = provided(connection.app, Cookies)
    sessions = cookies.sessions(connection)
    return sessions[0] if sessions else (cookies.find(connection, cookies.visitor) or None)


async def _form_field(request: Request) -> str | None:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
        return None
    # Read as bytes and kept on the request, so that whoever reads the form or the body later still can.
    body = (await request.body()).decode("latin-1")
    try:
        fields = parse_qsl(body, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return None
    values = [value for name, value in fields if name == FIELD]
    return values[0] if len(values) == 1 else None
