"""From what a provider says of a person to the identity that the rest of this service sees."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.federation.connector import Connection, FederatedIdentity
from app.federation.oidc.setup import OIDCSetup
from app.protocols.oidc.upstream_token import moment_of

_MAX_TEXT_CHARACTERS = 255
_MAX_EMAIL_OCTETS = 254
_MAX_METHODS = 16
# Of the token, not of the person.
_LEFT_OUT = frozenset({"nonce", "at_hash", "c_hash", "s_hash"})
# Entra writes its booleans in either way, by how the claim was asked for.
_YES = (True, 1, "1", "true")


def identity_of(
    connection: Connection, setup: OIDCSetup, claims: Mapping[str, Any], *, refresh_token: str | None
) -> FederatedIdentity:
    """The identity that verified claims describe."""
    email = email_in(claims.get("email"))
    verified = claims.get(setup.verified_by)
    # The standard's claim is a boolean: "false" is a text, and truthy. Spec: OpenID Connect Core §5.1.
    is_verified = verified is True if setup.verified_by == "email_verified" else verified in _YES
    said = {name: value for name, value in claims.items() if name not in _LEFT_OUT}
    if setup.issuer.is_template or (setup.verified_by != "email_verified" and setup.verified_by in claims):
        # What it says under a name of its own is its word on the matter. And any tenant of many may write any address
        # into its directory, so that nobody takes its silence for a word (nOAuth).
        said["email_verified"] = is_verified
    auth_time = moment_of(claims, "auth_time")
    amr = claims.get("amr")
    return FederatedIdentity(
        connection_id=connection.id,
        issuer=setup.issuer.own_name(claims),
        subject=str(claims["sub"]),
        email=email,
        email_verified=email is not None and is_verified,
        name=text_in(claims.get("name")),
        given_name=text_in(claims.get("given_name")),
        family_name=text_in(claims.get("family_name")),
        claims=said,
        session=text_in(claims.get("sid")),
        authenticated_at=None if auth_time is None else datetime.fromtimestamp(auth_time, UTC),
        acr=text_in(claims.get("acr")),
        amr=tuple(method for method in amr[:_MAX_METHODS] if isinstance(method, str)) if isinstance(amr, list) else (),
        refresh_token=refresh_token if connection.policy.keeps_refresh_token else None,
    )


def text_in(value: object) -> str | None:
    """A short printable text, None for anything else."""
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT_CHARACTERS or not value.isprintable():
        return None
    return value


def email_in(value: object) -> str | None:
    """What could be a mail address; whether it is one its user judges."""
    text = text_in(value)
    return text if text is not None and "@" in text and len(text.encode()) <= _MAX_EMAIL_OCTETS else None
