"""Who somebody is by an assertion: its names and attributes as this service knows them."""

from collections.abc import Mapping

from app.federation.connector import FederatedIdentity, Refusal, SignInRefused
from app.federation.saml.service_provider import ServiceProvider
from app.protocols.saml.assertion import Assertion, NameID
from app.protocols.saml.names import EMAIL, TRANSIENT

_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
_MAX_SUBJECT_CHARACTERS = 255
# What the providers out there call things: by word, by OID, and by the address that Microsoft gives it.
USUAL: Mapping[str, tuple[str, ...]] = {
    "email": ("email", "mail", "emailAddress", "urn:oid:0.9.2342.19200300.100.1.3", f"{_CLAIMS}/emailaddress"),
    "name": (
        *("displayName", "name", "cn", "urn:oid:2.16.840.1.113730.3.1.241", "urn:oid:2.5.4.3"),
        "http://schemas.microsoft.com/identity/claims/displayname",
    ),
    "given_name": ("givenName", "firstName", "first_name", "urn:oid:2.5.4.42", f"{_CLAIMS}/givenname"),
    "family_name": ("sn", "surname", "lastName", "last_name", "urn:oid:2.5.4.4", f"{_CLAIMS}/surname"),
}


def identity_of(assertion: Assertion, provider: ServiceProvider) -> FederatedIdentity:
    """The identity that an accepted assertion vouches for. Raises SignInRefused where it does not say whose."""
    config = provider.config
    said = {claim: _first(assertion, config.attributes.get(claim), usual) for claim, usual in USUAL.items()}
    name, authentication = assertion.name_id, assertion.authentication
    email = said["email"]
    if email is None and name is not None and name.format == EMAIL:
        email = name.value
    return FederatedIdentity(
        connection_id=provider.connection.id,
        issuer=assertion.issuer,
        subject=_subject(assertion, provider),
        email=email,
        email_verified=email is not None and config.trusts_email,
        name=said["name"],
        given_name=said["given_name"],
        family_name=said["family_name"],
        claims={claim: list(values) for claim, values in assertion.attributes.items()},
        authenticated_at=None if authentication is None else authentication.at,
        acr=None if authentication is None else authentication.context,
    )


def _subject(assertion: Assertion, provider: ServiceProvider) -> str:
    config = provider.config
    if config.subject_attribute is not None:
        values = assertion.attributes.get(config.subject_attribute, ())
        if len(values) != 1:
            words = f"subject_attribute: {config.subject_attribute} has {len(values)} values, and names nobody"
            raise SignInRefused(Refusal.BROKEN, words)
        return _bounded(values[0])
    name = assertion.name_id
    if name is None:
        raise SignInRefused(Refusal.BROKEN, "the assertion names nobody (NameID)")
    if name.format == TRANSIENT:
        words = (
            "the name is another one each time (transient): ask for another name_id_format, or set subject_attribute"
        )
        raise SignInRefused(Refusal.BROKEN, words)
    _require_own_eyes(name, assertion.issuer, provider.entity_id)
    return _bounded(name.value)


def _require_own_eyes(name: NameID, issuer: str, entity_id: str) -> None:
    """A name that another provider gave, or gave for another service, may be somebody else's here. Core §2.2.2."""
    if name.qualifier not in (None, issuer) or name.sp_qualifier not in (None, entity_id):
        raise SignInRefused(Refusal.BROKEN, "the name is one in another provider's, or for another service's eyes")


def _bounded(subject: str) -> str:
    if len(subject) > _MAX_SUBJECT_CHARACTERS or not subject.isprintable():
        raise SignInRefused(
            Refusal.BROKEN, f"the name is longer than {_MAX_SUBJECT_CHARACTERS} characters, or unprintable"
        )
    return subject


def _first(assertion: Assertion, named: str | None, usual: tuple[str, ...]) -> str | None:
    """The first value of the attribute that the operator named, else of the first usual one that is there."""
    for attribute in (named,) if named is not None else usual:
        values = assertion.attributes.get(attribute, ())
        if values:
            return values[0]
    return None
