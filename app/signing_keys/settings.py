"""Which keys sign, and how long others may keep the public ones."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from app.protocols.jose.algorithms import Algorithm

JWKS_MAX_AGE_SECONDS = 240


class KeySettings(BaseModel):
    """The part of the `JWT__…` settings that speaks of keys."""

    model_config = ConfigDict(frozen=True)

    private_key_pem: SecretStr | None = Field(
        default=None,
        description=(
            "A private key to sign with instead of generated ones: PEM without passphrase, RSA of at least 2048 bits, "
            "P-256 or Ed25519, of the kind that JWT__ALGORITHM names. Imported once: it signs at once where no key "
            "did before, else it is published as the next key and signs after `rotate-signing-key`."
        ),
    )
    public_key_pem: Annotated[str, StringConstraints(strip_whitespace=True)] | None = Field(
        default=None, description="The public half of JWT__PRIVATE_KEY_PEM. Not needed; checked where it is given."
    )
    algorithm: Algorithm = Field(
        default=Algorithm.RS256,
        description="Signs the tokens of every audience that names no algorithm of its own: RS256, ES256 or EdDSA.",
    )


class PublicationSettings(BaseModel):
    """The `SIGNING__…` settings."""

    model_config = ConfigDict(frozen=True)

    jwks_max_age_seconds: int = Field(
        default=JWKS_MAX_AGE_SECONDS,
        ge=1,
        le=3600,
        description="How long others may keep /.well-known/jwks.json. A rotation's overlap is never shorter.",
    )
