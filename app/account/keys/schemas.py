"""What the routes of a person's own API keys read and answer."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.apikeys.key import APIKey, NewAPIKey
from app.apikeys.moment import Moment
from app.apikeys.rules import MAX_NETWORKS, MAX_OVERLAP, MAX_SCOPES, KeyDefinition
from app.foundation.body import Body
from app.foundation.clock import rfc3339


class NewKeyRequest(Body):
    """What a key is called and may be used for. Without `audience` it is for this service itself.

    `networks` are addresses or networks in CIDR form that it may be used from.
    """

    name: str = Field(max_length=512, examples=["nightly export"])
    scopes: list[Annotated[str, Field(max_length=64)]] = Field(max_length=MAX_SCOPES, examples=[["orders:read"]])
    audience: str | None = Field(default=None, max_length=512, examples=["orders-api"])
    networks: list[Annotated[str, Field(max_length=64)]] = Field(
        default_factory=list, max_length=MAX_NETWORKS, examples=[["203.0.113.0/24"]]
    )
    expires_at: Moment | None = Field(default=None, examples=["2030-01-31T12:00:00Z"])

    @property
    def definition(self) -> KeyDefinition:
        """The same for the service."""
        expires_at: datetime | None = self.expires_at
        return KeyDefinition(
            name=self.name, scopes=tuple(self.scopes), networks=tuple(self.networks), expires_at=expires_at
        )


class RotateRequest(Body):
    """How long the old key counts beside the new one."""

    overlap_seconds: int | None = Field(default=None, ge=0, le=int(MAX_OVERLAP.total_seconds()))

    @property
    def overlap(self) -> timedelta | None:
        """The same as a duration; None takes the deployment's."""
        return None if self.overlap_seconds is None else timedelta(seconds=self.overlap_seconds)


class APIKeyBody(BaseModel):
    """A key without its secret. `prefix` is how its text begins; `replaced_by` is the id of its successor."""

    id: str
    prefix: str
    name: str
    audience: str
    scopes: list[str]
    networks: list[str]
    state: Literal["active", "sleeping", "expired", "revoked"]
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None
    replaced_by: str | None

    @classmethod
    def of(cls, key: APIKey, *, aud: str) -> "APIKeyBody":
        """A key as JSON; `aud` is its audience as tokens name it."""
        return cls(
            id=key.id,
            prefix=key.prefix,
            name=key.name,
            audience=aud,
            scopes=list(key.scopes),
            networks=list(key.networks),
            state=key.state.value,
            created_at=rfc3339(key.created_at),
            expires_at=rfc3339(key.expires_at),
            last_used_at=rfc3339(key.last_used_at),
            revoked_at=rfc3339(key.revoked_at),
            replaced_by=key.successor_id,
        )


class NewAPIKeyBody(APIKeyBody):
    """A new key. `api_key` is shown this once."""

    api_key: str

    @classmethod
    def made(cls, made: NewAPIKey, *, aud: str) -> "NewAPIKeyBody":
        """A new key as JSON."""
        return cls(**APIKeyBody.of(made.key, aud=aud).model_dump(), api_key=made.raw_key)


class APIKeyPage(BaseModel):
    """Some of the caller's keys; `next` asks for those after."""

    items: list[APIKeyBody]
    next: str | None
