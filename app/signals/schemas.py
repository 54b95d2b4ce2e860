"""What the feed answers in JSON."""

from pydantic import BaseModel, Field


class Batches(BaseModel):
    """Signed batches in order, and the cursor of who has read them all."""

    batches: list[str] = Field(description="Compact JWS of `typ` `revocations+jwt`.")
    cursor: str = Field(description="What to send as `after` next time.")
