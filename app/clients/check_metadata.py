"""Whether what a client says of itself for signing people in is right by itself."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from urllib.parse import urlsplit

from app.audiences.rules import RESERVED_CLAIMS, USER_CLAIMS
from app.clients.address import is_address
from app.clients.metadata import ApplicationType
from app.clients.rules import MAX_NAME_CHARACTERS, ClientDefinition, is_one_line
from app.foundation.settings import web_origin
from app.protocols.oauth import redirect_uri
from app.protocols.oidc import claim_expression

MAX_URIS = 50
MAX_ORIGINS = 50
MAX_CLAIM_MAPPINGS = 50
MAX_EXPRESSION_CHARACTERS = 500
MAX_AGE_SECONDS = 366 * 86_400
_ADDRESSES = (
    "backchannel_logout_uri",
    "frontchannel_logout_uri",
    "logo_uri",
    "client_uri",
    "policy_uri",
    "tos_uri",
    "initiate_login_uri",
)
_CLAIM = re.compile(r"[A-Za-z][A-Za-z0-9_:/.-]{0,127}")

Fault = tuple[str, str]


def metadata_faults(definition: ClientDefinition) -> Iterator[Fault]:
    """Every rule that the metadata breaks, with the field."""
    return chain(
        _post_logout_faults(definition),
        _address_faults(definition),
        _origin_faults(definition.allowed_origins),
        _trust_faults(definition),
        _claim_faults(definition),
    )


def _post_logout_faults(definition: ClientDefinition) -> Iterator[Fault]:
    uris = definition.post_logout_redirect_uris
    if len(uris) > MAX_URIS:
        yield "/post_logout_redirect_uris", f"at most {MAX_URIS}"
    native = definition.kind_of_application is ApplicationType.NATIVE
    for number, uri in enumerate(uris[:MAX_URIS]):
        fault = redirect_uri.fault_of(uri, native=native)
        if fault is not None:
            yield f"/post_logout_redirect_uris/{number}", fault


def _address_faults(definition: ClientDefinition) -> Iterator[Fault]:
    for name in _ADDRESSES:
        uri = getattr(definition, name)
        if uri is not None and not is_address(uri):
            yield f"/{name}", "an https URI (http on loopback only) without user and fragment"
    frontchannel = definition.frontchannel_logout_uri
    # OpenID Connect Front-Channel Logout §2: the page that shows it frames nothing but the client's own pages.
    if frontchannel is not None and _place(frontchannel) not in set(map(_place, definition.redirect_uris)):
        yield "/frontchannel_logout_uri", "has the scheme, host and port of one of the redirect URIs"
    if definition.backchannel_logout_session_required and definition.backchannel_logout_uri is None:
        yield "/backchannel_logout_session_required", "goes with backchannel_logout_uri"
    if definition.frontchannel_logout_session_required and frontchannel is None:
        yield "/frontchannel_logout_session_required", "goes with frontchannel_logout_uri"


def _place(uri: str) -> tuple[str, str]:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc


def _origin_faults(origins: Sequence[str]) -> Iterator[Fault]:
    if len(origins) > MAX_ORIGINS:
        yield "/allowed_origins", f"at most {MAX_ORIGINS}"
    for number, origin in enumerate(origins[:MAX_ORIGINS]):
        try:
            web_origin(origin)
        except ValueError as error:
            yield f"/allowed_origins/{number}", str(error)


def _trust_faults(definition: ClientDefinition) -> Iterator[Fault]:
    if not definition.pkce_required and definition.is_public:
        yield "/pkce_required", "a public client proves itself by PKCE alone"
    if definition.application_type is ApplicationType.WEB and any(
        redirect_uri.fault_of(uri, native=False) for uri in definition.redirect_uris[:MAX_URIS]
    ):
        yield "/application_type", "private-use schemes are for native applications"
    if definition.application_type is ApplicationType.NATIVE and not definition.is_public:
        yield "/application_type", "a native application can keep no secret: it is a public client"
    publisher = definition.verified_publisher
    if publisher is not None and not is_one_line(publisher):
        yield "/verified_publisher", f"one line of 1 to {MAX_NAME_CHARACTERS} printable characters"
    age = definition.default_max_age
    if age is not None and not 0 <= age <= MAX_AGE_SECONDS:
        yield "/default_max_age", f"seconds from 0 to {MAX_AGE_SECONDS}"


def _claim_faults(definition: ClientDefinition) -> Iterator[Fault]:
    if len(definition.claim_mappings) > MAX_CLAIM_MAPPINGS:
        yield "/claim_mappings", f"at most {MAX_CLAIM_MAPPINGS}"
    for claim, expression in definition.claim_mappings.items():
        if _CLAIM.fullmatch(claim) is None or claim in RESERVED_CLAIMS | USER_CLAIMS | claim_expression.RESERVED:
            yield "/claim_mappings", "each names a claim that is not this service's own"
        if not 0 < len(expression) <= MAX_EXPRESSION_CHARACTERS or not expression.isprintable():
            yield "/claim_mappings", f"each expression is one line of at most {MAX_EXPRESSION_CHARACTERS} characters"
        elif (fault := claim_expression.fault_of(expression)) is not None:
            yield "/claim_mappings", f"{claim}: {fault}"
