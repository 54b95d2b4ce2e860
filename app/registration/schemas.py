"""What sign-up reads and answers."""

from typing import Literal

from pydantic import BaseModel, Field

from app.foundation.body import Body
from app.foundation.clock import rfc3339
from app.users.user import User

# The rules of each value, with their own words, are the services'; this only bounds what they are asked to read.
_MAX_CHARACTERS = 16_384
# The answer is the same for every address, so what is none for its length alone is refused here.
_MAX_ADDRESS_CHARACTERS = 1024


class SignUpRequest(Body):
    """An address, a password that the rules allow, and a name, if the person likes to give one."""

    email: str = Field(max_length=_MAX_CHARACTERS, examples=["ann@example.com"])
    password: str = Field(max_length=_MAX_CHARACTERS, examples=["correct horse battery staple"])
    name: str | None = Field(default=None, max_length=_MAX_CHARACTERS, examples=["Ann Lee"])


class VerificationRequest(Body):
    """Which address shall be confirmed."""

    email: str = Field(max_length=_MAX_ADDRESS_CHARACTERS, examples=["ann@example.com"])


class EmailConfirmation(Body):
    """The token of the link that was mailed."""

    token: str = Field(max_length=_MAX_CHARACTERS)


class SignedUp(BaseModel):
    """The new user."""

    sub: str
    email: str
    email_verified: bool
    name: str | None
    created_at: str

    @classmethod
    def of(cls, user: User) -> "SignedUp":
        """The answer about a user."""
        return cls(
            sub=user.sub,
            email=user.email,
            email_verified=user.is_verified,
            name=user.name,
            created_at=rfc3339(user.created_at),
        )


class SignUpAccepted(BaseModel):
    """The one answer while existence is hidden; what came of it stands in the mail."""

    status: Literal["accepted"] = "accepted"
