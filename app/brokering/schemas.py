"""What federated sign-in reads as JSON."""

from pydantic import Field

from app.foundation.body import Body


class ExchangeRequest(Body):
    """The code that came to the app's address, and what answers the challenge that it began with. RFC 7636 §4.5."""

    code: str = Field(max_length=128)
    code_verifier: str = Field(max_length=128)
