"""What a provider of a test says of the tokens it has issued, when it is asked. Spec: RFC 7662."""

import json
import secrets
import time
import uuid
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError

from auth_service_sdk.backchannel import EVENT

_LOGOUT_SECONDS = 120


class Provider:
    """Knows the opaque tokens it has issued, and its JWTs by their signature. `find_key` finds a key by its `kid`."""

    def __init__(self, find_key: Callable[[str], tuple[str, Any] | None]) -> None:
        self._find_key = find_key
        self._opaque: dict[str, dict[str, Any]] = {}
        self._revoked: set[str] = set()

    def issue(self, claims: dict[str, Any]) -> str:
        """Return an opaque token for these claims."""
        token = secrets.token_urlsafe(24)
        self._opaque[token] = claims
        return token

    def revoke(self, token: str) -> None:
        """Say from now on that a token is not active."""
        self._revoked.add(token)

    def introspect(self, token: str) -> dict[str, Any]:
        """Answer about a token."""
        claims = self._opaque.get(token) or self._signed(token)
        if claims is None or token in self._revoked or claims.get("exp", 0) <= time.time():
            return {"active": False}
        return {"token_type": "Bearer"} | claims | {"active": True}

    def _signed(self, token: str) -> dict[str, Any] | None:
        """The claims of a JWT that this provider has signed."""
        try:
            signed, _, signature = token.rpartition(".")
            header, claims = (json.loads(decoded(part)) for part in signed.split("."))
            found = self._find_key(header["kid"])
            if found is None or found[0] != header["alg"]:
                return None
            genuine = jws.JWSRegistry.algorithms[found[0]].verify(signed.encode(), decoded(signature), found[1])
        except (ValueError, KeyError, TypeError, JoseError):
            return None
        return claims if genuine and isinstance(claims, dict) else None


def logout_claims(token: str) -> dict[str, Any]:
    """Return what a provider says when the session of a token ends."""
    claims = json.loads(decoded(token.split(".")[1]))
    now = int(time.time())
    kept = {name: claims[name] for name in ("iss", "sub", "aud", "sid") if name in claims}
    return kept | {"iat": now, "exp": now + _LOGOUT_SECONDS, "jti": uuid.uuid4().hex, "events": {EVENT: {}}}


def decoded(part: str) -> bytes:
    """Return the bytes of a part of a JWT."""
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
