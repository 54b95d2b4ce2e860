"""The public keys of clients that sign: those in the registry, and those at an address of theirs."""

from http import HTTPStatus

from app.clients.registered import RegisteredClient
from app.foundation.http.documents import Keeping, Lifetime, RemoteDocuments
from app.foundation.http.outbound import CallFailed, Outbound
from app.protocols.jose.compact import MalformedToken, read_object
from app.protocols.jose.jwk import UnsuitableKey
from app.protocols.jose.key_set import TheirKey, read_key_set

_FAULTS = (CallFailed, MalformedToken, UnsuitableKey)
# A signature by an unknown key makes this process read the set again, once in ten seconds at most.
_KEEPING = Keeping(
    lifetime=Lifetime(default=300.0, least=300.0, most=300.0),
    faults=_FAULTS,
    extra_fetches=1,
    extra_window_seconds=10.0,
    most=1024,
)
_MAX_BYTES = 65_536
_TOTAL_SECONDS = 4.0


class ClientKeys:
    """Finds a client's keys; a set at an address is kept for minutes and shared by all requests of its client."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._sets = RemoteDocuments(self._fetch, _KEEPING)

    async def of(self, client: RegisteredClient, kid: str | None) -> tuple[TheirKey, ...]:
        """The keys of a client, read anew where none is called `kid`; none where they cannot be had."""
        uri = client.jwks_uri
        if uri is None:
            return client.keys
        try:
            keys = await self._sets.get(uri)
            known = kid is None or any(key.kid == kid for key in keys)
            return keys if known else await self._sets.again(uri)
        except _FAULTS:
            return ()

    async def _fetch(self, uri: str) -> tuple[tuple[TheirKey, ...], None]:
        answer = await self._outbound.send(
            "GET", uri, purpose="jwks", max_bytes=_MAX_BYTES, total_seconds=_TOTAL_SECONDS
        )
        if answer.status != HTTPStatus.OK:
            raise UnsuitableKey(f"the address answers {answer.status}")
        return read_key_set(read_object(answer.body), strict=False), None
