"""The public keys of clients that sign: those in the registry, and those at an address of theirs."""

import asyncio
import logging
from dataclasses import dataclass
from http import HTTPStatus

from app.clients.registered import RegisteredClient
from app.foundation.http.outbound import Answer, CallFailed, Outbound
from app.protocols.jose.compact import MalformedToken, read_object
from app.protocols.jose.jwk import UnsuitableKey
from app.protocols.jose.key_set import TheirKey, read_key_set

KEPT_SECONDS = 300.0
# A signature by an unknown key makes this process fetch the set again, this often at most.
LEAST_SECONDS_BETWEEN_FETCHES = 10.0
MAX_SETS = 1024
_MAX_BYTES = 65_536
_TOTAL_SECONDS = 4.0

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Kept:
    keys: tuple[TheirKey, ...]
    fetched_at: float


class ClientKeys:
    """Finds a client's keys; sets at an address are kept for minutes and shared by its requests.

    While an address does not answer, the last reading serves.
    """

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._sets: dict[str, _Kept] = {}
        self._flights: dict[str, asyncio.Task[tuple[TheirKey, ...]]] = {}

    async def of(self, client: RegisteredClient, kid: str | None) -> tuple[TheirKey, ...]:
        """The keys of a client, read anew where none is called `kid`."""
        uri = client.jwks_uri
        if uri is None:
            return client.keys
        now = asyncio.get_running_loop().time()
        kept = self._sets.get(uri)
        if kept is not None:
            age = now - kept.fetched_at
            known = kid is None or any(key.kid == kid for key in kept.keys)
            if age < (KEPT_SECONDS if known else LEAST_SECONDS_BETWEEN_FETCHES):
                return kept.keys
        return await self._shared(uri)

    async def _shared(self, uri: str) -> tuple[TheirKey, ...]:
        flight = self._flights.get(uri)
        if flight is None:
            flight = asyncio.get_running_loop().create_task(self._read(uri))
            self._flights[uri] = flight
            flight.add_done_callback(lambda _: self._flights.pop(uri, None))
        # Shielded: a caller that hangs up must not take the answer away from the others.
        return await asyncio.shield(flight)

    async def _read(self, uri: str) -> tuple[TheirKey, ...]:
        former = self._sets.pop(uri, None)
        try:
            answer = await self._outbound.send(
                "GET", uri, purpose="jwks", max_bytes=_MAX_BYTES, total_seconds=_TOTAL_SECONDS
            )
            keys = _keys_in(answer)
        except (CallFailed, MalformedToken, UnsuitableKey) as error:
            _logger.warning("the keys of a client cannot be fetched: %s", error)
            keys = former.keys if former is not None else ()
        if len(self._sets) >= MAX_SETS:
            del self._sets[next(iter(self._sets))]
        self._sets[uri] = _Kept(keys, asyncio.get_running_loop().time())
        return keys


def _keys_in(answer: Answer) -> tuple[TheirKey, ...]:
    if answer.status != HTTPStatus.OK:
        raise UnsuitableKey(f"the address answers {answer.status}")
    return read_key_set(read_object(answer.body), strict=False)
