"""Action tokens: that the caller agreed to this one act a moment ago, said by a signature and spent once.

What can be known here is checked here; the authentication service is asked last, and only for a token that fits.
"""

import json
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import quote, quote_plus

from starlette.requests import HTTPConnection, Request

from auth_service_sdk.client import Answer, ServiceConnection, Unreachable, is_answered_in_process
from auth_service_sdk.errors import (
    ActionTokenRefused,
    ActionTokenRequired,
    ActionTokenStateUnknown,
    InvalidToken,
)
from auth_service_sdk.gate import ACTION_TOKEN_TYPES, parse, shown
from auth_service_sdk.identity import Identity
from auth_service_sdk.keyset import KeySet
from auth_service_sdk.verifier import Clock, Expectations, check_claims, check_signature

CONSUME_PATH = "/auth/action-tokens/consume"
HEADER = "x-action-token"
GUARD_KEY = "auth_service_sdk.action_tokens"
"""Where the middleware leaves, in the scope of a connection, what can spend action tokens for it."""
MAX_ANSWER_BYTES = 64 * 1024


class ActionTokens:
    """Checks and spends the action tokens that come to one service.

    `credentials` are the service's id and secret; without them every token is answered by ActionTokenStateUnknown.
    """

    def __init__(
        self,
        *,
        expected: Expectations,
        keys: KeySet,
        connection: ServiceConnection,
        credentials: tuple[str, str] | None,
        clock: Clock,
    ) -> None:
        self._expected = expected
        self._keys = keys
        self._connection = connection
        self._headers = None if credentials is None else {"authorization": basic_credentials(*credentials)}
        self._clock = clock

    async def spend(self, connection: HTTPConnection, identity: Identity, action: str) -> None:
        """Spend the token that came with a request, for this act of this caller.

        Raises ActionTokenRequired, ActionTokenRefused, ActionTokenStateUnknown, KeysUnavailable.
        """
        values = connection.headers.getlist(HEADER)
        if not values:
            raise ActionTokenRequired(action)
        if len(values) > 1:
            raise ActionTokenRefused(action, detail="more than one X-Action-Token came")
        try:
            claims = await self._verify(values[0])
        except InvalidToken as error:
            raise ActionTokenRefused(action, detail=error.detail or "") from error
        request_hash = await _fitting_hash(claims, connection, identity, action)
        await self._consume(values[0], identity, action, request_hash)

    async def _verify(self, token: str) -> dict[str, Any]:
        if not token.isascii():
            raise InvalidToken("expected an action token of ASCII characters")
        parsed = parse(token.encode(), types=ACTION_TOKEN_TYPES)
        check_claims(parsed.claims, self._expected, self._clock())
        key = await self._keys.find(parsed.kid)
        if key is None:
            raise InvalidToken(f"expected a kid the issuer publishes, token has {shown(parsed.kid)}")
        check_signature(parsed, key)
        return parsed.claims

    async def _consume(self, token: str, identity: Identity, action: str, request_hash: str | None) -> None:
        headers = self._headers
        if headers is None:
            if not is_answered_in_process():
                raise ActionTokenStateUnknown(
                    "client credentials are missing: client_id and client_secret, or AUTH_CLIENT_ID and "
                    "AUTH_CLIENT_SECRET",
                    misconfigured=True,
                )
            headers = {}
        # Ours for this one try: should the answer be lost and the question be sent again, it is the same question.
        body = {"action_token": token, "action": action, "consumption_id": secrets.token_urlsafe(16)}
        if request_hash is not None:
            body["request_hash"] = request_hash
        try:
            answer = await self._connection.post(
                CONSUME_PATH,
                json.dumps(body).encode(),
                max_bytes=MAX_ANSWER_BYTES,
                headers=headers | {"content-type": "application/json"},
            )
        except Unreachable as error:
            raise ActionTokenStateUnknown(f"POST {CONSUME_PATH}: {shown(str(error))}") from error
        if not _is_active(answer, identity.sub):
            raise ActionTokenRefused(action, detail="it was spent before, or its session has ended")


def _is_active(answer: Answer, subject: str) -> bool:
    """Whether the service said yes, about this very caller. Raises ActionTokenStateUnknown where it said neither."""
    if answer.status in (401, 403):
        words = f"the service does not accept our client credentials (status {answer.status})"
        raise ActionTokenStateUnknown(words, misconfigured=True)
    try:
        body = json.loads(answer.body) if answer.status == 200 else None
    except (ValueError, RecursionError):
        body = None
    active = body.get("active") if isinstance(body, dict) else None
    if type(active) is not bool:
        raise ActionTokenStateUnknown(f"POST {CONSUME_PATH}: unexpected answer, status {answer.status}")
    return active and isinstance(body, dict) and body.get("sub") == subject


async def _fitting_hash(
    claims: dict[str, Any], connection: HTTPConnection, identity: Identity, action: str
) -> str | None:
    """The request hash that a token carries, if any. Raises ActionTokenRefused for a token of another act."""
    if claims.get("action") != action:
        raise ActionTokenRefused(action, detail=f"token is for the action {shown(claims.get('action'))}")
    if claims["sub"] != identity.sub:
        raise ActionTokenRefused(action, detail="token is another user's")
    if identity.sid is None or claims.get("sid") != identity.sid:
        raise ActionTokenRefused(action, detail="token is of another session")
    request_hash = claims.get("request_hash")
    if request_hash is None:
        return None
    if not isinstance(request_hash, str) or request_hash not in await _hashes(connection, action):
        raise ActionTokenRefused(action, detail="token is for another request")
    return request_hash


async def _hashes(connection: HTTPConnection, action: str) -> list[str]:
    """The hashes of the request as it came; without a query, the question mark may be written or left out."""
    scope = connection.scope
    body = b""
    if isinstance(connection, Request):
        try:
            body = await connection.body()
        except RuntimeError:
            words = "the body was read away, as a form perhaps, before it could be hashed"
            raise ActionTokenRefused(action, detail=words) from None
    method = scope.get("method", "GET").encode()
    return [
        urlsafe_b64encode(sha256(method + b"\n" + target + b"\n" + body).digest()).rstrip(b"=").decode()
        for target in _targets(scope)
    ]


def _targets(scope: Any) -> Iterator[bytes]:
    path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    query: bytes = scope.get("query_string", b"")
    yield path.partition(b"?")[0] + (b"?" + query if query else b"")
    if not query:
        yield path.partition(b"?")[0] + b"?"


def basic_credentials(client_id: str, client_secret: str) -> str:
    """Spec: RFC 6749 §2.3.1."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return "Basic " + b64encode(pair.encode()).decode()
