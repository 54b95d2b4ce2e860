"""The page of a failure: what happened, what can be done about it, and the reference to quote.

Many failures cannot be asked for a second time: a form was sent, or an answer was taken that counts once. So the links
of such a page, to other languages and appearances, lead to an address that says the same again, and carry it sealed.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any
from urllib.parse import urlencode

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from app.foundation.encryption import DecryptionFailed, Keyring
from app.foundation.errors import NotFound
from app.foundation.pages import PageRouter, Pages
from app.foundation.provide import provide

FAILED_PATH = "/failed"
_SAID = "said"
_PURPOSE = "failure page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the page says. `heading` and `words` are in the source language, and `named` fills their placeholders.

    `again` is a page of ours where the person may try once more, the start page without one; `back` a checked address
    of the app `client` that they came from.
    """

    heading: str
    words: str
    reference: str
    named: Mapping[str, str] = field(default_factory=dict)
    again: str | None = None
    back: str | None = None
    client: str | None = None


class FailurePages:
    """Shows failures, and shows them again."""

    def __init__(self, pages: Pages, keyring: Keyring) -> None:
        self._pages = pages
        self._keyring = keyring

    def show(
        self,
        connection: HTTPConnection,
        told: Told,
        *,
        status: int,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
        may_repeat: bool = False,
    ) -> Response:
        """The page. With `repeatable` its links ask for the very same address again, which then says the same.

        With `may_repeat` it has one link to itself: nothing was taken up, and another time it may go well.
        """
        language = self._pages.language(connection)
        return self._pages.render(
            connection,
            "pages/error.html",
            status=status,
            headers=headers,
            language=language,
            scripts=["copy.js"],
            at=None if repeatable else f"{FAILED_PATH}?{urlencode({_SAID: self._sealed(told)})}",
            told=told,
            may_repeat=may_repeat,
            heading=_filled(language.gettext(told.heading), told.named),
            words=_filled(language.gettext(told.words), told.named),
        )

    def opened(self, said: str) -> Told:
        """What a link of such a page carries. Raises NotFound."""
        try:
            sealed = base64.b64decode(said, altchars=b"-_", validate=True)
            members: dict[str, Any] = json.loads(self._keyring.decrypt(sealed, purpose=_PURPOSE, bound_to=FAILED_PATH))
            return Told(**members)
        # Also what a release before or after this one has sealed.
        except (binascii.Error, ValueError, TypeError, DecryptionFailed) as error:
            raise NotFound(detail="no failure of ours") from error

    def _sealed(self, told: Told) -> str:
        sealed = self._keyring.encrypt(json.dumps(asdict(told)).encode(), purpose=_PURPOSE, bound_to=FAILED_PATH)
        return base64.urlsafe_b64encode(sealed).decode("ascii")


def _filled(words: str, named: Mapping[str, str]) -> str:
    return words % named if named else words


router = PageRouter(visited=True)


@router.get(FAILED_PATH)
async def show_again(request: Request, failures: Annotated[FailurePages, provide(FailurePages)]) -> Response:
    """Say it again: nothing is tried a second time."""
    told = failures.opened(request.query_params.get(_SAID, ""))
    return failures.show(request, told, status=200, headers={"Cache-Control": "no-store"}, repeatable=True)
