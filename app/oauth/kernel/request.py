"""A token request in aioauth's form, which carries ours along."""

from dataclasses import dataclass
from typing import cast

from aioauth.collections import HTTPHeaderDict
from aioauth.config import Settings
from aioauth.requests import Post, Query, Request
from aioauth.types import GrantType

from app.audiences.service import AudienceView
from app.clients.registered import RegisteredClient
from app.foundation.origin import Origin

_ASKED = "asked"
# Never written to: the library reads the form alone, the rest of a request was judged before.
_QUERY, _HEADERS, _SETTINGS = Query(), HTTPHeaderDict(), Settings()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who asks, proven, for whom, and from where."""

    client: RegisteredClient
    audience: AudienceView
    origin: Origin


def kernel_request(grant_type: str, scope: str, asked: Asked | None = None) -> Request:
    """The request that a grant type is given. `scope` is empty where none was asked for."""
    # Which grant types exist is the dispatch's business; the library's type names its own four.
    post = Post(grant_type=cast("GrantType", grant_type), scope=scope)
    extra = {} if asked is None else {_ASKED: asked}
    return Request("POST", query=_QUERY, post=post, headers=_HEADERS, settings=_SETTINGS, extra=extra)


def asked_by(request: Request) -> Asked | None:
    """What of ours a request carries."""
    asked: Asked | None = request.extra.get(_ASKED)
    return asked
