"""The one reader of JSON bodies, for routes that FastAPI feeds and for hot endpoints that read for themselves.

Both take the same steps: media type, presence, strict JSON, schema. The size is bounded before, at the edge.
"""

import re
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request

from app.foundation import strict_json
from app.foundation.errors import BadRequest, ServiceError, Unprocessable
from app.foundation.validation import body_faults

# RFC 8259 §11 knows no parameter; clients send the charset all the same, and UTF-8 is what we read.
JSON_TYPE = "application/json"
_JSON_TYPE = re.compile(r'application/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?', re.IGNORECASE)


class Body(BaseModel):
    """The base of every request schema: unknown members refused, no coercion, immutable.

    Strict means that a number is no string and `"true"` no boolean. A field whose type JSON has no form for
    (a UUID, a time, an enum, a tuple) says `Field(strict=False)`. Every string field states its `max_length`.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, regex_engine="rust-regex"
    )


Schema = TypeVar("Schema", bound=BaseModel)


class UnsupportedMediaType(ServiceError):
    """The body is not declared as JSON. Spec: RFC 9110 §15.5.16."""

    status, code, title = 415, "unsupported_media_type", "The body must be application/json"


class MissingBody(BadRequest):
    """The request needs a body and has none."""

    code, title = "missing_body", "The request needs a JSON body"


class InvalidJSON(BadRequest):
    """The body is not JSON, or is ambiguous."""

    code, title = "invalid_json", "The body is not valid JSON"


async def read_value(request: Request) -> object:
    """The JSON value of a request's body, strictly read.

    Raises MissingBody, UnsupportedMediaType, InvalidJSON, and what the edge raises for a body that is too large
    or too slow.
    """
    content = await request.body()
    if not content:
        raise MissingBody
    kind = request.headers.get("content-type", "")
    if kind != JSON_TYPE and _JSON_TYPE.fullmatch(kind) is None:
        raise UnsupportedMediaType
    try:
        return strict_json.parse(content)
    except strict_json.JSONRefused as error:
        raise InvalidJSON(f"The body is not valid JSON: {error}.") from None


async def read_json(request: Request, schema: type[Schema]) -> Schema:
    """The body as `schema`, for hot endpoints. Raises what `read_value` raises, and Unprocessable."""
    return validated(await read_value(request), schema)


def validated(value: object, schema: type[Schema]) -> Schema:
    """A value as `schema`. Raises Unprocessable, which names each fault and quotes nothing."""
    try:
        return schema.model_validate(value)
    except ValidationError as error:
        refusal = Unprocessable("Some values are not right.")
        details = error.errors(include_url=False, include_input=False)
        refusal.extensions = {"errors": body_faults(details)}
        # The cause holds the input: it must not reach a log.
        raise refusal from None


class StrictRequest(Request):
    """A request whose `json()` is the strictly read value, put there before FastAPI asks for it."""

    strict_value: Any

    async def json(self) -> Any:
        """The value that `read_value` gave."""
        return self.strict_value
