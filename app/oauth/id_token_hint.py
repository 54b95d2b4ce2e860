"""Reading `id_token_hint`: an ID token of ours that says whom a client means. Spec: OpenID Connect Core §3.1.2.1."""

from dataclasses import dataclass

from app.protocols.jose.claims import TokenClaims
from app.signing_keys.errors import InvalidToken
from app.signing_keys.service import SigningKeys

ID_TOKEN_TYPE = "JWT"  # noqa: S105 — the type of a token
MAX_CHARACTERS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Whom a hint means: the user, the session if it says so, and the client that the token was given to."""

    sub: str
    sid: str | None
    client_id: str


class IDTokenHints:
    """Reads hints. One that has expired is a hint still; one that was altered, or is another's, is none."""

    def __init__(self, keys: SigningKeys, *, issuer: str) -> None:
        self._keys = keys
        self._issuer = issuer

    async def read(self, raw_token: str, *, client_id: str | None = None) -> Hint | None:
        """Whom it means, if it is ours, and was given to that client where one is named. Raises DatabaseUnavailable."""
        if len(raw_token) > MAX_CHARACTERS:
            return None
        try:
            claims = await self._keys.verify(
                raw_token, typ=ID_TOKEN_TYPE, issuer=self._issuer, audience=client_id, expired_too=True
            )
        except InvalidToken:
            return None
        return _hint(claims, client_id)


def _hint(claims: TokenClaims, client_id: str | None) -> Hint:
    sid = claims.members.get("sid")
    return Hint(sub=claims.sub, sid=sid if isinstance(sid, str) else None, client_id=client_id or claims.audiences[0])
