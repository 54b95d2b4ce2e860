"""What introspection reads and answers."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.foundation.body import Body


class IntrospectRequest(Body):
    """The API key that was shown to the service that asks."""

    api_key: str = Field(max_length=16_384, examples=["ask_…"])


class IntrospectionAnswer(BaseModel):
    """`active` false stands alone; a live credential has what follows, as far as it applies. Spec: RFC 7662 §2.2.

    `networks`, where there are any, are the only ones that the API key may be used from: the service that asks
    compares them with the address of its own caller.
    """

    model_config = ConfigDict(extra="allow")

    active: bool
    token_type: Literal["api_key", "Bearer", "refresh_token"] | None = None
    iss: str | None = None
    sub: str | None = None
    aud: str | None = None
    client_id: str | None = None
    scope: str | None = None
    permissions: list[str] | None = None
    jti: str | None = None
    iat: int | None = None
    exp: int | None = None
    networks: list[str] | None = None
