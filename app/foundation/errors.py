"""The families of refusals. A feature subclasses one, names a stable code, and raises it in its own words.

`description` is for the caller, `detail` for the log alone. How a family looks on the wire is decided once,
by the renderers in `foundation.problems`.
"""

from typing import ClassVar


class ServiceError(Exception):
    """A refusal with a stable `code`. `extensions` become members of the answer; they must hold no secret."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(
        self,
        description: str | None = None,
        *,
        detail: str | None = None,
        headers: dict[str, str] | None = None,
        extensions: dict[str, object] | None = None,
    ) -> None:
        super().__init__(detail or description or self.title)
        self.description = description
        self.detail = detail
        self.headers = headers or {}
        self.extensions = extensions or {}


class BadRequest(ServiceError):
    """The request cannot be understood as it stands."""

    status, code, title = 400, "bad_request", "The request is not right"


class InvalidCursor(BadRequest):
    """The cursor was not made by us for this list, this filter, this order and this caller."""

    code, title = "invalid_cursor", "This cursor belongs to another list"


class NotAuthenticated(ServiceError):
    """No credential, or none that we accept. `challenge` is the WWW-Authenticate value. Spec: RFC 6750 §3."""

    status, code, title = 401, "not_authenticated", "Sign in first"
    challenge: ClassVar[str] = "Bearer"


class Forbidden(ServiceError):
    """We know who asks, and they may not."""

    status, code, title = 403, "forbidden", "Not allowed"


class NotFound(ServiceError):
    """There is no such thing, or the caller may not know of it."""

    status, code, title = 404, "not_found", "Not found"


class Conflict(ServiceError):
    """The request is right and the present state forbids it."""

    status, code, title = 409, "conflict", "In conflict with the present state"


class Gone(ServiceError):
    """It was here and will not be again."""

    status, code, title = 410, "gone", "No longer here"


class Unprocessable(ServiceError):
    """The request is well formed and a value in it is refused. `faults` names each by JSON pointer (RFC 6901)."""

    status, code, title = 422, "validation_failed", "A value is not right"

    def __init__(
        self, description: str | None = None, *, faults: list[tuple[str, str]] | None = None, detail: str | None = None
    ) -> None:
        errors = [{"pointer": pointer, "detail": words} for pointer, words in faults or []]
        super().__init__(description, detail=detail, extensions={"errors": errors} if errors else None)


class TooManyRequests(ServiceError):
    """A limit is reached."""

    status, code, title = 429, "too_many_requests", "Too many requests"

    def __init__(self, description: str | None = None, *, retry_after_seconds: int, detail: str | None = None) -> None:
        super().__init__(description, detail=detail, headers={"Retry-After": str(retry_after_seconds)})


class Unavailable(ServiceError):
    """We cannot serve this now; trying again later may work."""

    status, code, title = 503, "unavailable", "Not available at the moment"

    def __init__(
        self, description: str | None = None, *, retry_after_seconds: int = 1, detail: str | None = None
    ) -> None:
        super().__init__(description, detail=detail, headers={"Retry-After": str(retry_after_seconds)})


class StartupRefused(Exception):
    """The process cannot start as it is set up. The message names the setting, the fault and the cure."""
