"""What a request presents to prove which client sent it: exactly one method. Spec: RFC 6749 §2.3, RFC 7521 §4.2."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.clients.errors import ClientNotAuthenticated
from app.foundation.oauth_errors import InvalidRequest
from app.protocols.oauth.basic import MalformedCredentials, parse_basic
from app.protocols.oauth.client_assertion import ASSERTION_TYPE, Assertion, AssertionRefused, read_assertion
from app.protocols.oauth.registration import AuthMethod


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Presented:
    """Whose credentials a request brings, by which method. Nothing of it is checked yet."""

    client_id: str
    method: AuthMethod
    raw_secret: str = ""
    assertion: Assertion | None = None


def presented_by(authorization: Sequence[str], fields: Mapping[str, str]) -> Presented:
    """What a token request presents, by its Authorization headers and form.

    Raises InvalidRequest for more than one method or two names, ClientNotAuthenticated for none.
    """
    named = fields.get("client_id", "")
    found = [
        found
        for found in (_by_header(authorization), _by_form(fields, named), _by_assertion(fields))
        if found is not None
    ]
    if len(found) > 1:
        raise InvalidRequest("A client authenticates by one method at a time.")
    if not found:
        if not named:
            raise ClientNotAuthenticated("The request does not say which client sends it.", detail="no credentials")
        return Presented(client_id=named, method=AuthMethod.NONE)
    if named and named != found[0].client_id:
        raise InvalidRequest("The form and the credentials name two clients.")
    return found[0]


def presented_by_header(authorization: Sequence[str]) -> Presented:
    """What a request presents where only Basic is taken. Raises ClientNotAuthenticated."""
    if len(authorization) != 1:
        raise ClientNotAuthenticated(
            "Send exactly one Authorization header, of the scheme Basic.", detail=f"{len(authorization)} credentials"
        )
    found = _by_header(authorization)
    if found is None:
        raise ClientNotAuthenticated(detail="no credentials")
    return found


def _by_header(authorization: Sequence[str]) -> Presented | None:
    if not authorization:
        return None
    if len(authorization) > 1:
        raise InvalidRequest("A client authenticates by one method at a time.")
    try:
        basic = parse_basic(authorization[0])
    except MalformedCredentials as error:
        raise ClientNotAuthenticated(detail=str(error)) from error
    if basic is None:
        raise ClientNotAuthenticated("Clients authenticate by the scheme Basic.", detail="another scheme")
    return Presented(client_id=basic.client_id, method=AuthMethod.BASIC, raw_secret=basic.raw_secret)


def _by_form(fields: Mapping[str, str], client_id: str) -> Presented | None:
    raw_secret = fields.get("client_secret")
    if raw_secret is None:
        return None
    return Presented(client_id=client_id, method=AuthMethod.POST, raw_secret=raw_secret)


def _by_assertion(fields: Mapping[str, str]) -> Presented | None:
    text, kind = fields.get("client_assertion"), fields.get("client_assertion_type")
    if text is None and kind is None:
        return None
    if not text or kind != ASSERTION_TYPE:
        raise ClientNotAuthenticated(
            f"A client_assertion comes with the client_assertion_type {ASSERTION_TYPE}.", detail="half an assertion"
        )
    try:
        assertion = read_assertion(text)
    except AssertionRefused as error:
        raise ClientNotAuthenticated(detail=str(error)) from error
    return Presented(client_id=assertion.client_id, method=AuthMethod.PRIVATE_KEY_JWT, assertion=assertion)
