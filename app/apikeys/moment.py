"""Times in request bodies."""

from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field


def _text(value: object) -> object:
    if not isinstance(value, str) or len(value) > 64 or "T" not in value.upper():
        raise ValueError("a time such as 2030-01-31T12:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_text), Field(strict=False)]
"""A time with its offset. Spec: RFC 3339 §5.6."""
