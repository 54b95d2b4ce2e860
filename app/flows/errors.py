"""Refusals of flows."""

from app.foundation.errors import BadRequest, NotFound


class FlowNotFound(NotFound):
    """There is no flow of that id, or not any more."""

    code, title = "flow_not_found", "There is no such flow"


class FlowOver(BadRequest):
    """The flow is unknown, ended, expired, or another browser's: one answer for all."""

    code, title = "flow_over", "This cannot be gone on with"

    def __init__(self, *, detail: str | None = None) -> None:
        super().__init__("Go back to where you came from and begin again.", detail=detail)
