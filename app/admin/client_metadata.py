"""The part of a client that signing people in needs, as requests, answers and configurations hold it."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from app.clients.address import MAX_URI_CHARACTERS
from app.clients.check_metadata import MAX_CLAIM_MAPPINGS, MAX_EXPRESSION_CHARACTERS, MAX_ORIGINS, MAX_URIS
from app.clients.metadata import NAMES, ApplicationType, read_metadata
from app.clients.rules import MAX_NAME_CHARACTERS
from app.protocols.jose.algorithms import Algorithm

URI = Annotated[str, Field(max_length=MAX_URI_CHARACTERS)]
ClaimName = Annotated[str, Field(max_length=128)]
Expression = Annotated[str, Field(max_length=MAX_EXPRESSION_CHARACTERS)]


class MetadataFields(BaseModel):
    """What `ClientMetadata` says, with its defaults. Whether it is right is judged by the registry."""

    post_logout_redirect_uris: list[URI] = Field(default=[], max_length=MAX_URIS)
    backchannel_logout_uri: URI | None = None
    backchannel_logout_session_required: bool = False
    frontchannel_logout_uri: URI | None = None
    frontchannel_logout_session_required: bool = False
    logo_uri: URI | None = None
    client_uri: URI | None = None
    policy_uri: URI | None = None
    tos_uri: URI | None = None
    initiate_login_uri: URI | None = None
    application_type: ApplicationType | None = Field(default=None, strict=False)
    id_token_signed_response_alg: Algorithm = Field(default=Algorithm.RS256, strict=False)
    pkce_required: bool = True
    consent_required: bool = True
    default_max_age: int | None = None
    claim_mappings: dict[ClaimName, Expression] = Field(default={}, max_length=MAX_CLAIM_MAPPINGS)
    allowed_origins: list[URI] = Field(default=[], max_length=MAX_ORIGINS)
    verified_publisher: str | None = Field(default=None, max_length=MAX_NAME_CHARACTERS)

    def metadata(self) -> dict[str, Any]:
        """The arguments of `ClientMetadata`."""
        return read_metadata({name: getattr(self, name) for name in NAMES})
