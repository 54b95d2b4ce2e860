"""Entity tags of what is changed by `PATCH`, `PUT` and `DELETE`, and the precondition that names one.

A caller who read a thing and sends its tag back changes it only if nobody else has meanwhile. Spec: RFC 9110 §8.8.3,
§13.1.1.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import Request
from starlette.responses import Response

from app.foundation.errors import BadRequest, ServiceError

_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_LIST = re.compile(rf"\s*(?:{_TAG.pattern}\s*(?:,\s*|$))+\s*")
_CHARACTERS = 22


class PreconditionFailed(ServiceError):
    """The thing has changed since its tag was read. Spec: RFC 9110 §15.5.13."""

    status, code, title = 412, "precondition_failed", "It has changed meanwhile"


class InvalidPrecondition(BadRequest):
    """`If-Match` is neither `*` nor a list of entity tags."""

    code, title = "invalid_precondition", "The If-Match header is not right"


def etag_of(*version: object) -> str:
    """A strong entity tag of a thing, from its id and whatever changes with each change of it.

    It tells nothing of what it was made from.
    """
    text = "\x00".join(str(part) for part in version)
    digest = hashlib.sha256(text.encode()).digest()
    return f'"{base64.urlsafe_b64encode(digest)[:_CHARACTERS].decode()}"'


def show_etag(response: Response, etag: str) -> None:
    """Put an entity tag on an answer."""
    response.headers["ETag"] = etag


@dataclass(frozen=True, slots=True)
class Precondition:
    """Which version of a thing the caller means to change: one of `tags`, or any where there are none."""

    tags: frozenset[str] | None = None

    def require(self, etag: str) -> None:
        """Refuse a change of another version. Raises PreconditionFailed.

        `etag` must be that of a row that the transaction holds locked (`FOR UPDATE`): of two changes at once with the
        same tag the second then sees the first's.
        """
        if self.tags is not None and etag not in self.tags:
            raise PreconditionFailed("Read it again, and decide anew.")


async def _if_match(
    request: Request,
    _: Annotated[str | None, Header(alias="If-Match", description="The `ETag` of what is to be changed")] = None,
) -> Precondition:
    given = ",".join(request.headers.getlist("if-match")).strip()
    if "if-match" not in request.headers or given == "*":
        return Precondition()
    if _LIST.fullmatch(given) is None:
        raise InvalidPrecondition("If-Match takes * or entity tags in double quotes.")
    # A weak tag never matches here. Spec: RFC 9110 §13.1.1.
    return Precondition(frozenset(tag for tag in _TAG.findall(given) if not tag.startswith("W/")))


IfMatch = Annotated[Precondition, Depends(_if_match)]
"""What a route that changes a thing takes, and hands to the service."""
