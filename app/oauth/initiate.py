"""`/oauth/initiate/{client_id}`: begin a sign-in at a client, from a link of anybody's.

Spec: OpenID Connect Core §4, Initiating Login from a Third Party.
"""

from typing import Annotated

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.clients.registered import ClientDirectory
from app.foundation.errors import NotFound
from app.foundation.form import parse_form
from app.foundation.pages import PageRouter
from app.foundation.provide import provide
from app.oauth.protected_resource import ProtectedResource
from app.protocols.oidc.logout import with_query

router = PageRouter(visited=True)

_PASSED_ON = ("login_hint", "target_link_uri")


class NoInitiation(NotFound):
    """The client is not known, or does not say where a sign-in of its begins."""

    code, title = "no_initiation", "A sign-in cannot begin here"


@router.get("/oauth/initiate/{client_id}")
async def initiate(
    request: Request,
    client_id: str,
    directory: Annotated[ClientDirectory, provide(ClientDirectory)],
    resource: Annotated[ProtectedResource, provide(ProtectedResource)],
) -> Response:
    """Send the browser to where the client begins its sign-ins, with our name and what the link says."""
    client = await directory.read(client_id)
    if client is None or not client.enabled or client.initiate_login_uri is None:
        raise NoInitiation
    said = parse_form(request.scope["query_string"])
    # What the link says is for the client to judge, as the specification has it; where it leads is registered.
    passed = {name: said[name] for name in _PASSED_ON if name in said}
    return RedirectResponse(with_query(client.initiate_login_uri, {"iss": resource.issuer, **passed}), status_code=303)
