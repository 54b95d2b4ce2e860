"""Refusals of `Idempotency-Key`."""

from app.foundation.errors import BadRequest, Conflict, Unprocessable


class InvalidIdempotencyKey(BadRequest):
    """The header is empty, too long, repeated, or has characters that a key may not have."""

    code, title = "invalid_idempotency_key", "The Idempotency-Key is not right"


class IdempotencyUnsupported(BadRequest):
    """The route's answer cannot be kept: it is streamed, or the act waits for another system."""

    code, title = "idempotency_unsupported", "This route takes no Idempotency-Key"


class IdempotencyKeyReused(Unprocessable):
    """The key came before with another request."""

    code, title = "idempotency_key_reused", "This Idempotency-Key came with another request"


class RequestStillRunning(Conflict):
    """The first request with this key has not ended yet."""

    code, title = "request_still_running", "The same request is still running"
