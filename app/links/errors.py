"""Refusals of links."""

from app.foundation.errors import BadRequest


class InvalidLink(BadRequest):
    """The token is unknown, used, expired, replaced by a newer one, or of another kind: one answer for all."""

    code, title = "invalid_link", "This link cannot be used"

    def __init__(self, *, detail: str | None = None) -> None:
        super().__init__("This link is no longer valid. Ask for a new one.", detail=detail)
