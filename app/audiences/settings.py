"""Audiences that the deployment declares."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.audiences.definition import AudienceDefinition, check
from app.audiences.errors import InvalidAudience
from app.protocols.assurance import ACR
from app.protocols.jose.algorithms import Algorithm


class DeclaredAudience(BaseModel):
    """One audience of the list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    resources: tuple[str, ...] = ()
    scopes: dict[str, str | None] = {}
    signing_algorithm: Algorithm | None = None
    access_token_seconds: int | None = None
    claims: tuple[str, ...] = ()
    required_acr: ACR | None = None

    @model_validator(mode="after")
    def _follows_the_rules(self) -> Self:
        try:
            check(self.definition())
        except InvalidAudience as error:
            raise ValueError(error.description) from error
        return self

    def definition(self) -> AudienceDefinition:
        """The value that services take."""
        return AudienceDefinition(
            name=self.name,
            resources=self.resources,
            scopes=self.scopes,
            signing_algorithm=self.signing_algorithm,
            access_token_seconds=self.access_token_seconds,
            claims=self.claims,
            required_acr=self.required_acr,
        )


class AudienceSettings(BaseModel):
    """The `AUDIENCES__…` settings."""

    model_config = ConfigDict(frozen=True)

    declared: tuple[DeclaredAudience, ...] = Field(
        default=(),
        description=(
            "Audiences registered at every start, as a JSON list; one that exists is brought to what is declared "
            "here, others stay as they are."
        ),
        examples=[
            (
                '[{"name":"orders-api","resources":["https://orders.example.com"],'
                '"scopes":{"orders:read":null,"orders:write":"orders:write"},'
                '"signing_algorithm":"ES256","access_token_seconds":300,"claims":["email"]}]'
            )
        ],
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [audience.name for audience in self.declared]
        if len(set(names)) < len(names):
            raise ValueError("an audience is declared twice")
        return self
