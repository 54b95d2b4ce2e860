"""How providers are called: whom an operator named may be private, whom a document names is public."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from app.federation.connector import Refusal
from app.federation.oidc.faults import EndpointGone, ProviderFault
from app.foundation.http.outbound import Answer, CallFailed, Failure, Outbound
from app.protocols.jose.compact import MalformedToken, read_object

CALL_SECONDS = 4.0
"""For one request, all told: the person behind it waits."""
MAX_DOCUMENT_BYTES = 262_144
_MAX_SHOWN = 80
_BEFORE_SENDING = frozenset({Failure.CONNECT, Failure.REFUSED, Failure.TLS, Failure.UNRESOLVED})
_BROKEN = frozenset({Failure.BROKEN, Failure.REFUSED, Failure.TLS, Failure.TOO_LARGE})


@dataclass(frozen=True, slots=True)
class Named:
    """The hosts that an operator named for a connection, and whether in the settings of this service."""

    hosts: frozenset[str]
    in_settings: bool


class Reach:
    """Sends requests to providers.

    A host that the settings of this service name may be private; one named by an administrator is private only where
    HTTP__ALLOW_PRIVATE names it too; any other, which a provider's document named, never.
    """

    def __init__(self, allowed: Outbound, *, in_settings: Outbound, public: Outbound) -> None:
        self._allowed = allowed
        self._in_settings = in_settings
        self._public = public

    async def close(self) -> None:
        """Let go of the connections that are ours alone."""
        await self._in_settings.close()
        await self._public.close()

    async def send(
        self,
        method: str,
        url: str,
        named: Named,
        *,
        purpose: str,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send once and read a bounded answer of any status. Raises ProviderFault; EndpointGone before sending."""
        outbound = self._public
        if urlsplit(url).hostname in named.hosts:
            outbound = self._in_settings if named.in_settings else self._allowed
        try:
            return await outbound.send(
                method,
                url,
                purpose=purpose,
                max_bytes=MAX_DOCUMENT_BYTES,
                content=content,
                headers={"Accept": "application/json", **(headers or {})},
                total_seconds=CALL_SECONDS,
            )
        except CallFailed as failed:
            refusal = Refusal.BROKEN if failed.failure in _BROKEN else Refusal.UNREACHABLE
            kind = EndpointGone if failed.failure in _BEFORE_SENDING else ProviderFault
            raise kind(refusal, f"{url}: {failed}") from failed


def json_of(answer: Answer, url: str) -> dict[str, object]:
    """The JSON object of an answer. Raises ProviderFault with what came instead."""
    status = answer.status
    if status != HTTPStatus.OK:
        raise ProviderFault(refusal_for(status), f"{url} answers {described(answer)}")
    try:
        return read_object(answer.body)
    except MalformedToken as error:
        kind = answer.headers.get("content-type", "no type")[:_MAX_SHOWN]
        raise ProviderFault(Refusal.BROKEN, f"{url} answers {kind} that is {error}") from error


def refusal_for(status: int) -> Refusal:
    """Whether a status says "not now" or "not so"."""
    later = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
    return Refusal.UNREACHABLE if later else Refusal.BROKEN


def described(answer: Answer) -> str:
    """An answer in few words: its status, where it redirects to, and the error that it names."""
    words = str(answer.status)
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        to = answer.headers.get("location", "nowhere")[:_MAX_SHOWN]
        return f"{words}, a redirect to {to}, and redirects are not followed"
    with contextlib.suppress(MalformedToken):
        members = read_object(answer.body)
        for name in ("error", "error_description"):
            if isinstance(members.get(name), str):
                words += f", {name} {members[name]}"
    return words[:300]
