"""A page whose form goes to another place by itself: it carries what is too long or too secret for an address."""

from collections.abc import Mapping

from starlette.requests import HTTPConnection
from starlette.responses import Response

from app.foundation.pages import Pages
from app.protocols.oauth.redirect_uri import origin_of_uri


def self_posting(
    connection: HTTPConnection, pages: Pages, template: str, *, action: str, members: Mapping[str, str]
) -> Response:
    """The page of a template, which sends `members` to the checked address `action`; without a script its reader does.

    The place learns no more than what stands in the form.
    """
    response = pages.render(
        connection,
        template,
        headers={"Cache-Control": "no-store"},
        scripts=["submit.js"],
        form_target=origin_of_uri(action),
        action=action,
        members=members,
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
