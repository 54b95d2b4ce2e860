"""Clients' pictures: fetched once through the guarded sender, judged by their bytes, and shown from our own origin.

What a client brings could be a program: a picture that is text (SVG, HTML) is refused, whatever it calls itself, and
the browser of the person who reads a page never calls the client's server.
"""

import base64
import hashlib
import logging
from dataclasses import dataclass
from http import HTTPStatus

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from app.clients.models import ClientLogo, OAuthClient
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.http.outbound import CallFailed, Failure, Outbound

MAX_BYTES = 65_536
TOTAL_SECONDS = 5.0

_logger = logging.getLogger(__name__)


class LogoUnavailable(Exception):
    """The picture could not be had at this time; it is fetched again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logo:
    """A picture as it is served; `digest` changes with it."""

    media_type: str
    content: bytes
    digest: str


def media_type_of(content: bytes) -> str | None:
    """The type of a picture by how it begins; None for what is none of the four. Spec: WHATWG MIME Sniffing §6.1."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content.startswith(b"RIFF") and content[8:14] == b"WEBPVP":
        return "image/webp"
    return None


class ClientLogos:
    """Fetches pictures and hands them out."""

    def __init__(self, db: Database, clock: Clock, outbound: Outbound) -> None:
        self._db = db
        self._clock = clock
        self._outbound = outbound

    async def find(self, tx: Transaction, client_id: str) -> Logo | None:
        """The picture of a client, if it has one that could be had."""
        statement = select(ClientLogo.media_type, ClientLogo.content, ClientLogo.digest)
        row = (await tx.execute(statement.where(ClientLogo.client_id == client_id))).first()
        return None if row is None else Logo(media_type=row.media_type, content=row.content, digest=row.digest)

    async def refresh(self, client_id: str) -> bool:
        """Fetch the picture that a client names now, and return whether there is one.

        Redirects are not followed. Raises LogoUnavailable where its server may answer another time.
        """
        async with self._db.transaction() as tx:
            uri = await self._uri(tx, client_id)
            source = await tx.scalar(select(ClientLogo.source).where(ClientLogo.client_id == client_id))
            if uri is None or uri != source:
                await tx.execute(delete(ClientLogo).where(ClientLogo.client_id == client_id))
        if uri is None or uri == source:
            return uri is not None
        content = await self._fetch(client_id, uri)
        media_type = media_type_of(content)
        if media_type is None:
            _logger.warning("the logo of a client is no PNG, JPEG, GIF or WebP", extra={"client_id": client_id})
            return False
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()[:12]).decode("ascii")
        values = {
            "source": uri,
            "media_type": media_type,
            "content": content,
            "digest": digest,
            "fetched_at": self._clock.now(),
        }
        async with self._db.transaction() as tx:
            if await self._uri(tx, client_id) != uri:
                return False
            added = insert(ClientLogo).values(client_id=client_id, **values)
            await tx.execute(added.on_conflict_do_update(index_elements=["client_id"], set_=values))
        return True

    async def _uri(self, tx: Transaction, client_id: str) -> str | None:
        named: str | None = await tx.scalar(
            select(OAuthClient.client_metadata["logo_uri"].astext).where(OAuthClient.client_id == client_id)
        )
        return named

    async def _fetch(self, client_id: str, uri: str) -> bytes:
        """The bytes behind an address; empty where it leads to no picture, and will not. Raises LogoUnavailable."""
        try:
            answer = await self._outbound.send(
                "GET", uri, purpose="logo", max_bytes=MAX_BYTES, total_seconds=TOTAL_SECONDS
            )
        except CallFailed as failed:
            _logger.warning("the logo of a client cannot be fetched: %s", failed, extra={"client_id": client_id})
            if failed.failure in {Failure.REFUSED, Failure.TOO_LARGE}:
                return b""
            raise LogoUnavailable(str(failed)) from failed
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise LogoUnavailable(f"the address answers {answer.status}")
        return answer.body if answer.status == HTTPStatus.OK else b""
