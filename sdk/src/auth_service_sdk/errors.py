"""The refusals of the SDK. Each carries all that its answer needs; `refusals` renders them.

`description` is for the caller. `detail` says what was expected and what came: it goes to the log, and into the
answer only when caller and server are both on loopback. Neither ever holds a token.
"""

from typing import ClassVar

REFUSAL_KEY = "auth_service_sdk.refusal"
"""Where the middleware leaves, in the scope of a public path, why the credential that came was not accepted."""


class Refusal(Exception):  # an answer to the caller, not a fault of ours
    """A request that is refused. `challenge` holds the parameters of the challenge, None for no challenge.

    Spec: RFC 6750 §3, RFC 9457.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong"
    scheme: ClassVar[str] = "Bearer"

    def __init__(
        self,
        description: str,
        *,
        detail: str | None = None,
        challenge: dict[str, str] | None = None,
        retry_after_seconds: int | None = None,
        misconfigured: bool = False,
    ) -> None:
        """Keep the parts; `misconfigured` marks what an operator must see and so is logged as a warning."""
        super().__init__(detail or description)
        self.description = description
        self.detail = detail
        self.challenge = challenge
        self.retry_after_seconds = retry_after_seconds
        self.misconfigured = misconfigured


class AmbiguousCredentials(Refusal):
    """More than one credential came: nobody can tell which one was meant."""

    status, code, title = 400, "ambiguous_credentials", "More than one credential"

    def __init__(self, description: str = "Send exactly one Authorization header.") -> None:
        super().__init__(description, challenge={"error": "invalid_request"})


class MissingCredential(Refusal):
    """Nothing came that could prove who asks."""


class MissingToken(MissingCredential):
    """No bearer token came. Its challenge carries no error code. Spec: RFC 6750 §3.1."""

    status, code, title = 401, "missing_token", "Sign in first"

    def __init__(self) -> None:
        super().__init__("This needs an access token: Authorization: Bearer <token>.", challenge={})


class InvalidToken(Refusal):
    """A token came and is not accepted; the caller learns no more than that."""

    status, code, title = 401, "invalid_token", "The access token is not accepted"

    def __init__(self, detail: str, *, misconfigured: bool = False) -> None:
        description = "The access token is malformed, expired, revoked or not meant for this service."
        super().__init__(
            description,
            detail=detail,
            challenge={"error": "invalid_token", "error_description": description},
            misconfigured=misconfigured,
        )


class MissingAPIKey(MissingCredential):
    """No API key came. Its challenge carries no error code."""

    status, code, title = 401, "missing_api_key", "Send an API key"
    scheme = "ApiKey"

    def __init__(self, header: str) -> None:
        super().__init__(f"This needs an API key: {header}: <key>.", challenge={"header": header})


class InvalidAPIKey(Refusal):
    """An API key came and is not accepted; the caller learns no more than that."""

    status, code, title = 401, "invalid_api_key", "The API key is not accepted"
    scheme = "ApiKey"

    def __init__(self, detail: str, *, header: str) -> None:
        description = "The API key is malformed, expired, revoked, or not good for this service or from this address."
        super().__init__(
            description,
            detail=detail,
            challenge={"header": header, "error": "invalid_api_key", "error_description": description},
        )


class APIKeyStateUnknown(Refusal):
    """Nobody can say whether the API key counts."""

    status, code, title = 503, "api_key_state_unknown", "The API key cannot be checked at the moment"

    def __init__(self, detail: str, *, misconfigured: bool = False) -> None:
        super().__init__(
            "The authentication service cannot be asked whether this API key counts; try again.",
            detail=detail,
            retry_after_seconds=1,
            misconfigured=misconfigured,
        )


class InsufficientUserAuthentication(Refusal):
    """The sign-in is too long ago, or proved too little, for this act. Spec: RFC 9470 §3."""

    status, code, title = 401, "insufficient_user_authentication", "Prove again who you are"

    def __init__(self, *, max_age: int | None = None, acr_values: str | None = None, detail: str) -> None:
        wanted = [f"of the last {max_age} seconds"] if max_age is not None else []
        wanted += [f"of the level {acr_values}"] if acr_values is not None else []
        description = f"This needs a sign-in {' and '.join(wanted)}."
        asked = {"acr_values": acr_values, "max_age": None if max_age is None else str(max_age)}
        super().__init__(
            description,
            detail=detail,
            challenge={
                "error": "insufficient_user_authentication",
                "error_description": description,
                **{name: value for name, value in asked.items() if value is not None},
            },
        )


class Forbidden(Refusal):
    """We know who asks, and they may not. Raise it from a dependency for a rule of your own."""

    status, code, title = 403, "forbidden", "Not allowed"

    def __init__(self, description: str, *, detail: str | None = None, scope: str | None = None) -> None:
        challenge = {"error": "insufficient_scope", "error_description": description}
        if scope is not None:
            challenge["scope"] = scope
        super().__init__(description, detail=detail, challenge=challenge)


class CSRFFailed(Refusal):
    """A cookie came with an unsafe request or a handshake, and no browser said that a page of ours sent it."""

    status, code, title = 403, "csrf_failed", "This did not come from our own page"

    def __init__(self) -> None:
        super().__init__("With a cookie this needs an Origin that is allowed here.")


class InsufficientScope(Forbidden):
    """The token lacks a scope the route needs. Spec: RFC 6750 §3.1."""

    code, title = "insufficient_scope", "The token's scope is too narrow"


class InsufficientRole(Forbidden):
    """The caller has none of the roles the route is open to."""

    code, title = "insufficient_role", "A role is missing"


class InsufficientPermission(Forbidden):
    """The caller lacks a permission the route needs."""

    code, title = "insufficient_permission", "A permission is missing"


class ActionTokenRequired(Refusal):
    """The act wants an action token, and none came. The challenge names the action."""

    status, code, title = 403, "action_token_required", "Confirm this act"

    def __init__(self, action: str) -> None:
        description = f"This needs an action token for {action}, in the header X-Action-Token."
        super().__init__(
            description, challenge={"error": self.code, "error_description": description, "action": action}
        )


class ActionTokenRefused(Refusal):
    """An action token came and does not count for this act. The challenge names the action."""

    status, code, title = 403, "invalid_action_token", "The action token is not accepted"

    def __init__(self, action: str, *, detail: str) -> None:
        description = f"The action token is not good for this act ({action}), has expired, or was used before."
        super().__init__(
            description,
            detail=detail,
            challenge={"error": self.code, "error_description": description, "action": action},
        )


class ActionTokenStateUnknown(Refusal):
    """The action token is genuine, but nobody can say whether it was used before."""

    status, code, title = 503, "action_token_state_unknown", "The action token cannot be confirmed at the moment"

    def __init__(self, detail: str, *, misconfigured: bool = False) -> None:
        super().__init__(
            "The authentication service cannot be asked whether this action token still counts; try again.",
            detail=detail,
            retry_after_seconds=1,
            misconfigured=misconfigured,
        )


class KeysUnavailable(Refusal):
    """No token can be verified: the issuer's keys were never obtained, or are older than their hard limit."""

    status, code, title = 503, "keys_unavailable", "Tokens cannot be verified at the moment"

    def __init__(self, detail: str, *, retry_after_seconds: int) -> None:
        super().__init__(
            "The keys of the authentication service are not available; try again.",
            detail=detail,
            retry_after_seconds=retry_after_seconds,
        )


class RevocationStateUnknown(Refusal):
    """The token is genuine, but nobody can say whether its session still lives."""

    status, code, title = 503, "revocation_state_unknown", "The session cannot be confirmed at the moment"

    def __init__(self, detail: str, *, retry_after_seconds: int) -> None:
        super().__init__(
            "The authentication service cannot be asked whether this session is still alive; try again.",
            detail=detail,
            retry_after_seconds=retry_after_seconds,
        )
