"""What the account's routes read and answer."""

from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from app.account.history import PastSignIn
from app.foundation.body import Body
from app.foundation.clock import rfc3339
from app.users.user import User


class Profile(BaseModel):
    """A person as they see themselves."""

    sub: str
    email: str
    email_verified: bool
    name: str | None
    created_at: str

    @classmethod
    def of(cls, user: User) -> "Profile":
        """The profile of a user."""
        return cls(
            sub=user.sub,
            email=user.email,
            email_verified=user.is_verified,
            name=user.name,
            created_at=rfc3339(user.created_at),
        )


class ProfileChange(Body):
    """What a person may change of their profile: one of these or both; null takes the name away."""

    name: str | None = Field(default=None, max_length=200)
    email: str = Field(default_factory=str, max_length=16_384, examples=["ann@example.net"])

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("Name what shall change: `name`, `email`, or both.")
        return self


class PasswordChangeRequest(Body):
    """The present password, and another one that the rules allow."""

    current_password: str = Field(max_length=16_384)
    new_password: str = Field(max_length=16_384, examples=["correct horse battery staple"])


class RestoreRequest(Body):
    """The token of the link in the mail."""

    token: str = Field(max_length=512)


class LogoutRequest(Body):
    """Which sessions end: this one, or all of the user's."""

    everywhere: bool = False


class ListedSessionBody(BaseModel):
    """A live session; `current` is the one that asks. In one with `acts_for` the caller acts in that user's name."""

    id: str
    current: bool
    created_at: str
    renewed_at: str
    auth_time: str
    expires_at: str
    amr: list[str]
    acr: str
    ip: str | None
    user_agent: str | None
    acts_for: str | None = None


class SignInBody(BaseModel):
    """A sign-in to the caller's account, or somebody's try. `reason` says why it was refused."""

    id: str
    at: str
    result: Literal["signed_in", "refused"]
    reason: str | None
    factors: list[str]
    ip: str | None
    device: str | None
    audience: str | None

    @classmethod
    def of(cls, sign_in: PastSignIn) -> "SignInBody":
        """A sign-in as JSON."""
        return cls(
            id=str(sign_in.id),
            at=rfc3339(sign_in.at),
            result=sign_in.result.value,
            reason=sign_in.reason,
            factors=list(sign_in.factors),
            ip=sign_in.ip,
            device=sign_in.device,
            audience=sign_in.audience,
        )


class SignInPage(BaseModel):
    """Sign-ins, newest first; `next` is the cursor of the page after this one."""

    items: list[SignInBody]
    next: str | None


class SessionPage(BaseModel):
    """Sessions, newest first; `next` is the cursor of the page after this one."""

    items: list[ListedSessionBody]
    next: str | None
