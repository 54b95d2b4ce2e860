"""`/oauth/logos/{client_id}`: the pictures of clients, from this service itself."""

from typing import Annotated

from starlette.responses import Response

from app.clients.logos import ClientLogos
from app.foundation.db import Database
from app.foundation.errors import NotFound
from app.foundation.provide import provide
from app.foundation.routing import Router

router = Router(tags=["pages"])


class LogoNotFound(NotFound):
    """The client has no picture, or it could not be had."""

    code, title = "logo_not_found", "There is no such picture"


@router.get("/oauth/logos/{client_id}", include_in_schema=False)
async def show(
    client_id: str,
    db: Annotated[Database, provide(Database)],
    logos: Annotated[ClientLogos, provide(ClientLogos)],
) -> Response:
    """The picture that was fetched, as the type that its bytes have."""
    async with db.transaction() as tx:
        logo = await logos.find(tx, client_id)
    if logo is None:
        raise LogoNotFound
    headers = {
        "Cache-Control": "public, max-age=86400",
        # Opened by itself it is a picture and nothing else.
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Disposition": "inline; filename=logo",
    }
    return Response(logo.content, media_type=logo.media_type, headers=headers)
