"""What step-up reads and answers."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from app.factors.factor import FactorName, Presented
from app.foundation.body import Body
from app.stepup.rules import ACTION_PATTERN, MAX_ACTION_CHARACTERS, REQUEST_HASH_PATTERN

_MAX_SECRET_CHARACTERS = 1024
_OTP = "otp"


def shown_as(name: FactorName) -> str:
    """What a factor is called in a challenge: a mailed code is `otp` there."""
    return _OTP if name is FactorName.EMAIL_CODE else name.value


def _factor(value: object) -> object:
    return FactorName.EMAIL_CODE if value == _OTP else value


ActionFactor = Annotated[FactorName, Field(strict=False), BeforeValidator(_factor)]
"""A factor by its name, or `otp` for a mailed code."""


class ReauthenticateRequest(Body):
    """A password; or a factor by name, with what is typed or what a passkey answers."""

    password: str | None = Field(default=None, max_length=_MAX_SECRET_CHARACTERS)
    factor: FactorName | None = Field(default=None, strict=False)
    code: str | None = Field(default=None, max_length=_MAX_SECRET_CHARACTERS)
    assertion: dict[str, object] | None = None

    @model_validator(mode="after")
    def _one_proof(self) -> Self:
        if self.password is not None:
            fits = self.factor in (None, FactorName.PASSWORD) and self.code is None and self.assertion is None
        else:
            fits = self.factor is not None and (self.code is None) != (self.assertion is None)
        if not fits:
            raise ValueError("send `password`, or `factor` with `code`, or `factor` with `assertion`")
        return self

    @property
    def name(self) -> FactorName:
        """Which factor is meant."""
        return self.factor or FactorName.PASSWORD

    @property
    def presented(self) -> Presented:
        """What is presented."""
        return Presented(code=self.password if self.password is not None else self.code, assertion=self.assertion)


class BeginRequest(Body):
    """The factor that is to be used."""

    factor: FactorName = Field(strict=False)


class Begun(BaseModel):
    """What a client must show for a factor; empty where nothing is needed."""

    factor: str
    options: dict[str, object]


class RenewedToken(BaseModel):
    """An access token. Spec: RFC 6749 §5.1. The refresh token that the client has stays good."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str


class RenewedCookies(BaseModel):
    """What is left of the answer where the session is a browser's and the token went into a cookie."""

    expires_in: int
    scope: str


class ActionTokenRequest(Body):
    """An act, and where it shall be good for one request alone that request's hash.

    `factor` asks for a challenge by one factor: `otp` has a code mailed.
    """

    action: str = Field(max_length=MAX_ACTION_CHARACTERS, pattern=ACTION_PATTERN)
    request_hash: str | None = Field(default=None, max_length=43, pattern=REQUEST_HASH_PATTERN)
    factor: ActionFactor | None = None


class ActionChallengeBody(BaseModel):
    """A challenge: `factor` is the best of `factors`, any of which may answer. `options` is by factor."""

    challenge_id: str
    factor: str
    factors: list[str]
    options: dict[str, dict[str, object]]
    expires_in: int


class ActionTokenAnswer(Body):
    """The answer to a challenge: what is typed (`code`, also a password), or a passkey's `assertion`."""

    challenge_id: UUID = Field(strict=False)
    factor: ActionFactor | None = None
    code: str | None = Field(default=None, max_length=_MAX_SECRET_CHARACTERS)
    assertion: dict[str, object] | None = None

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        if (self.code is None) == (self.assertion is None):
            raise ValueError("send `code`, or `assertion` for a passkey")
        return self

    @property
    def presented(self) -> Presented:
        """What is presented."""
        return Presented(code=self.code, assertion=self.assertion)


class IssuedActionTokenBody(BaseModel):
    """An action token, for the header `X-Action-Token`."""

    action_token: str
    expires_in: int


class ConsumeRequest(Body):
    """A token that came, and what the service is about to do. `consumption_id` is the service's own, for retries."""

    action_token: str = Field(max_length=8192)
    action: str = Field(max_length=MAX_ACTION_CHARACTERS, pattern=ACTION_PATTERN)
    request_hash: str | None = Field(default=None, max_length=43, pattern=REQUEST_HASH_PATTERN)
    consumption_id: str = Field(min_length=8, max_length=128, pattern=r"^[\x21-\x7e]+$")


class Consumed(BaseModel):
    """Whether the token counted; whose it was stands in the answer only then."""

    active: bool
    sub: str | None = None
