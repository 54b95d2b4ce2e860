"""What a client asks when it sends a browser here to sign out, and how far it is believed.

Spec: OpenID Connect RP-Initiated Logout 1.0 §2, §3, §6.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.clients.registered import ClientDirectory, RegisteredClient
from app.clients.rules import is_client_id
from app.protocols.jose import compact
from app.protocols.jose.compact import MalformedToken
from app.protocols.oidc.id_token import TYPE
from app.protocols.oidc.logout import with_query
from app.signing_keys.errors import InvalidToken
from app.signing_keys.service import SigningKeys

MAX_STATE_CHARACTERS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """An ID token that came back. Only a `trusted` one is known to be ours and of now; else it is a rumour."""

    client_id: str
    sid: str | None = None
    trusted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutRequest:
    """A request as it was judged.

    `redirect_uri` is one that the client registered, with the state; None where it asked for none, or for another one.
    `vouched_sid` is the session that a trusted hint names: that one may be ended without a question.
    """

    client_id: str | None = None
    client_name: str | None = None
    redirect_uri: str | None = None
    vouched_sid: str | None = None
    is_vouched: bool = False


class LogoutRequests:
    """Judges requests. Nothing is refused: who does not prove what they ask is asked back, and leads nowhere."""

    def __init__(self, directory: ClientDirectory, keys: SigningKeys, *, issuer: str) -> None:
        self._directory = directory
        self._keys = keys
        self._issuer = issuer

    async def judge(self, parameters: Mapping[str, str]) -> LogoutRequest:
        """The request in these parameters. Raises DatabaseUnavailable."""
        hint = await self._hint(parameters.get("id_token_hint", ""))
        named = parameters.get("client_id") or None
        if hint is not None and named is not None and hint.client_id != named:
            # One of the two is somebody else's: neither leads anywhere.
            return LogoutRequest()
        client = await self._client(named or (hint.client_id if hint is not None else None))
        if client is None:
            return LogoutRequest()
        is_vouched = hint is not None and hint.trusted
        return LogoutRequest(
            client_id=client.client_id,
            client_name=client.name,
            redirect_uri=_redirect(client, parameters),
            vouched_sid=hint.sid if hint is not None and is_vouched else None,
            is_vouched=is_vouched,
        )

    async def _client(self, client_id: str | None) -> RegisteredClient | None:
        client = await self._directory.read(client_id) if client_id is not None else None
        return client if client is not None and client.enabled else None

    async def _hint(self, raw: str) -> Hint | None:
        if not raw:
            return None
        try:
            claims = await self._keys.verify(raw, typ=TYPE, issuer=self._issuer)
        except InvalidToken:
            return _rumour(raw)
        sid = claims.members.get("sid")
        if len(claims.audiences) != 1:
            return None
        return Hint(client_id=claims.audiences[0], sid=sid if isinstance(sid, str) else None, trusted=True)


def _rumour(raw: str) -> Hint | None:
    """What an expired token says, or any text in the form of one: enough to ask a question by, and no more."""
    try:
        audience = compact.read_object(compact.parse(raw).payload).get("aud")
    except MalformedToken:
        return None
    return Hint(client_id=audience) if isinstance(audience, str) and is_client_id(audience) else None


def _redirect(client: RegisteredClient, parameters: Mapping[str, str]) -> str | None:
    uri, state = parameters.get("post_logout_redirect_uri"), parameters.get("state")
    # The whole string, as it was registered: neither a port nor a query may be added.
    if uri is None or uri not in client.post_logout_redirect_uris:
        return None
    return with_query(uri, {"state": state[:MAX_STATE_CHARACTERS]} if state is not None else {})
