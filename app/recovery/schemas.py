"""What recovery reads and answers."""

from typing import Literal

from pydantic import BaseModel, Field

from app.foundation.body import Body

# The rules of each value, with their own words, are the services'; this only bounds what they are asked to read.
_MAX_CHARACTERS = 16_384
# The answer is the same for every address, so what is none for its length alone is refused here.
_MAX_ADDRESS_CHARACTERS = 1024


class ForgottenPassword(Body):
    """Whose password is forgotten."""

    email: str = Field(max_length=_MAX_ADDRESS_CHARACTERS, examples=["ann@example.com"])


class MailAccepted(BaseModel):
    """The one answer for every address; what came of it stands in the mail, if there is one."""

    status: Literal["accepted"] = "accepted"


class PasswordReset(Body):
    """The token of the link, and a password that the rules allow."""

    token: str = Field(max_length=_MAX_CHARACTERS)
    new_password: str = Field(max_length=_MAX_CHARACTERS, examples=["correct horse battery staple"])
