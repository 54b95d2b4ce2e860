"""What sign-in reads."""

from typing import Any

from pydantic import Field

from app.foundation.body import Body


class LoginRequest(Body):
    """An address, a password, and what the tokens shall be for."""

    email: str = Field(max_length=1024)
    password: str = Field(max_length=1024)
    audience: str | None = Field(default=None, max_length=512)
    scope: str | None = Field(default=None, max_length=8192)


class SecondFactorRequest(Body):
    """A factor of a sign-in's next step."""

    mfa_token: str = Field(max_length=128)
    factor: str = Field(max_length=32)


class VerifyRequest(SecondFactorRequest):
    """The proof: a `code`, or the `assertion` of a passkey as `PublicKeyCredential.toJSON()` gives it."""

    code: str | None = Field(default=None, max_length=256)
    assertion: dict[str, Any] | None = None
    trust_browser: bool = Field(
        default=False,
        description="With `?transport=cookie`, where `mfa_required` said `trust_seconds`: ask no more in this browser.",
    )


class EnrolConfirmRequest(SecondFactorRequest):
    """The proof of a new factor: a `code` of the app, or the `credential` of a new passkey, with its `name`."""

    code: str | None = Field(default=None, max_length=256)
    credential: dict[str, Any] | None = None
    name: str = Field(default="Passkey", max_length=200)


class PasskeyLoginRequest(Body):
    """An assertion as `PublicKeyCredential.toJSON()` gives it, and what the tokens shall be for."""

    assertion: dict[str, Any]
    audience: str | None = Field(default=None, max_length=512)
    scope: str | None = Field(default=None, max_length=8192)
