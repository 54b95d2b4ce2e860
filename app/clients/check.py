"""Whether what an operator says of a client is right by itself."""

from collections.abc import Iterator

from app.audiences import rules as audience_rules
from app.audiences.own import SELF
from app.clients.address import is_address
from app.clients.check_metadata import metadata_faults
from app.clients.errors import InvalidClientDefinition
from app.clients.metadata import ApplicationType
from app.clients.rules import MAX_NAME_CHARACTERS, ClientDefinition, ServiceScope, is_one_line
from app.protocols.jose.jwk import UnsuitableKey
from app.protocols.jose.key_set import read_key_set
from app.protocols.oauth import redirect_uri
from app.protocols.oauth.registration import AuthMethod, GrantType

MAX_REDIRECT_URIS = 50
MAX_TARGETS = 50
MAX_SCOPES = 64

Fault = tuple[str, str]


def check(definition: ClientDefinition) -> None:
    """Refuse a definition that breaks a rule, naming every one. Raises InvalidClientDefinition."""
    faults = [
        *_name_faults(definition),
        *_service_faults(definition),
        *_grant_faults(definition),
        *_redirect_faults(definition),
        *_key_faults(definition),
        *_target_faults(definition),
        *metadata_faults(definition),
    ]
    if faults:
        words = "; ".join(f"{pointer[1:]}: {rule}" for pointer, rule in faults)
        raise InvalidClientDefinition(f"{words}.", faults=faults)


def _name_faults(definition: ClientDefinition) -> Iterator[Fault]:
    if not is_one_line(definition.name):
        yield "/name", f"one line of 1 to {MAX_NAME_CHARACTERS} printable characters"


def _service_faults(definition: ClientDefinition) -> Iterator[Fault]:
    if not set(definition.scopes) <= set(ServiceScope):
        yield "/scopes", f"what a service's client may ask about is {' and '.join(ServiceScope)}"
    if definition.scopes and definition.audience is None:
        yield "/audience", "a client with scopes names the audience whose tokens it may ask about"
    if definition.scopes and definition.is_public:
        yield "/scopes", "a public client proves nothing, and may ask about nobody's tokens"


def _grant_faults(definition: ClientDefinition) -> Iterator[Fault]:
    asked = set(definition.grant_types)
    if not asked <= set(GrantType):
        yield "/grant_types", f"each is one of {', '.join(GrantType)}"
    if GrantType.CLIENT_CREDENTIALS in asked and definition.is_public:
        yield "/grant_types", "a public client has no credentials, so client_credentials is not for it"
    if GrantType.REFRESH_TOKEN in asked and GrantType.AUTHORIZATION_CODE not in asked:
        yield "/grant_types", "refresh_token goes with authorization_code"


def _redirect_faults(definition: ClientDefinition) -> Iterator[Fault]:
    uris, by_code = definition.redirect_uris, GrantType.AUTHORIZATION_CODE in definition.grant_types
    if by_code and not uris:
        yield "/redirect_uris", "authorization_code needs the URIs that a browser may be sent back to"
    if uris and not by_code:
        yield "/redirect_uris", "only authorization_code sends a browser back"
    if len(uris) > MAX_REDIRECT_URIS:
        yield "/redirect_uris", f"at most {MAX_REDIRECT_URIS}"
    for number, uri in enumerate(uris[:MAX_REDIRECT_URIS]):
        fault = redirect_uri.fault_of(uri, native=definition.kind_of_application is ApplicationType.NATIVE)
        if fault is not None:
            yield f"/redirect_uris/{number}", fault


def _key_faults(definition: ClientDefinition) -> Iterator[Fault]:
    given = (definition.jwks is not None) + (definition.jwks_uri is not None)
    by_key = definition.auth_method is AuthMethod.PRIVATE_KEY_JWT
    if by_key and given != 1:
        yield "/jwks", "private_key_jwt needs the client's public keys: either jwks or jwks_uri"
    if not by_key and given:
        yield "/jwks", "keys are for private_key_jwt alone"
    if definition.jwks is not None:
        try:
            read_key_set(definition.jwks, strict=True)
        except UnsuitableKey as error:
            yield "/jwks", str(error)
    if definition.jwks_uri is not None and not is_address(definition.jwks_uri):
        yield "/jwks_uri", "an https URI (http on loopback only) without user and fragment"


def _target_faults(definition: ClientDefinition) -> Iterator[Fault]:
    if len(definition.targets) > MAX_TARGETS:
        yield "/targets", f"at most {MAX_TARGETS} audiences"
    for name, scopes in definition.targets.items():
        if name != SELF and not audience_rules.is_name(name):
            yield "/targets", "each names an audience"
        if scopes is not None and (len(scopes) > MAX_SCOPES or not all(map(audience_rules.is_scope, scopes))):
            yield "/targets", f"at most {MAX_SCOPES} scopes at each audience, of 1 to 64 characters"
