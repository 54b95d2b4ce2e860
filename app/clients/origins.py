"""Whose scripts may read OAuth answers: the origins of clients that run in a browser. Spec: Fetch §3.2."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from app.foundation.db import Database
from app.foundation.settings import web_origin
from app.foundation.snapshot import Snapshot

# One text, in one order: it is parsed only where it changed. Who keeps no secret may run in a browser.
_READ = """
    SELECT coalesce(json_object_agg(client_id, json_build_object(
        'declared', client_metadata -> 'allowed_origins',
        'uris', CASE WHEN token_endpoint_auth_method = 'none' THEN redirect_uris END) ORDER BY client_id), '{}')::text
    FROM oauth_clients
    WHERE disabled_at IS NULL AND (token_endpoint_auth_method = 'none' OR client_metadata ? 'allowed_origins')
    """

_NONE: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    by_client: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    together: frozenset[bytes] = _NONE


class ClientOrigins:
    """The origins of every enabled client, kept whole in memory and read again each second.

    A client has those that it names (`allowed_origins`); one without a secret also those of its redirect URIs, where it
    gets its codes anyway.
    """

    def __init__(self, db: Database) -> None:
        self._snapshot: Snapshot[_Known] = Snapshot(db, _READ, _parse, empty=_Known())

    def __contains__(self, origin: object) -> bool:
        """Whether an origin, as a request's header has it, is one of any client's."""
        return origin in self._snapshot.value.together

    def of(self, client_id: str) -> frozenset[bytes]:
        """The origins of one client; none of one that is unknown or disabled."""
        return self._snapshot.value.by_client.get(client_id, _NONE)

    async def refresh(self) -> None:
        """Read them now. Raises DatabaseUnavailable and keeps the last reading."""
        await self._snapshot.load()

    async def follow(self) -> None:
        """Keep them fresh for as long as the process lives: the coroutine of a background task."""
        await self._snapshot.follow()


def _parse(text: str) -> _Known:
    listed: dict[str, dict[str, Any]] = json.loads(text or "{}")
    by_client = {client_id: frozenset(_origins(client)) for client_id, client in listed.items()}
    return _Known(by_client=by_client, together=_NONE.union(*by_client.values()))


def _origins(client: Mapping[str, Any]) -> Iterator[bytes]:
    yield from (origin.encode("ascii") for origin in client["declared"] or ())
    for uri in client["uris"] or ():
        try:
            parts = urlsplit(uri)
            yield web_origin(f"{parts.scheme}://{parts.netloc}").encode("ascii")
        except ValueError:
            # A scheme of an app's own: no browser runs it.
            continue
