"""`create-client`: a program that proves itself by a secret."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from app.audiences.own import SELF
from app.cli import client_options
from app.cli.context import opened
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_json
from app.clients.metadata import NAMES, ClientMetadata
from app.clients.rules import ClientDefinition, ServiceScope
from app.clients.service import NewCredentials
from app.foundation.errors import ServiceError
from app.protocols.jose.algorithms import Algorithm
from app.protocols.jose.compact import MalformedToken, read_object
from app.protocols.oauth.registration import AuthMethod, GrantType
from app.protocols.oidc.scopes import IDENTITY_SCOPES

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line says of a client."""

    name: str
    audience: str | None
    scopes: tuple[str, ...]
    grants: tuple[str, ...] | None
    redirect_uris: tuple[str, ...]
    auth_method: AuthMethod
    jwks: dict[str, Any] | None
    jwks_uri: str | None
    metadata: ClientMetadata

    def definition(self) -> ClientDefinition:
        """The definition that this means: scopes about the service's tokens apart from scopes of the audience.

        Raises ServiceError.
        """
        service = tuple(scope for scope in self.scopes if scope in set(ServiceScope))
        # OpenID Connect's own scopes are open to every client that signs people in.
        held = tuple(scope for scope in self.scopes if scope not in service and scope not in IDENTITY_SCOPES)
        if held and self.audience is None:
            words = "Scopes other than introspection and revocations:read are an audience's: name it by --audience."
            raise ServiceError(words)
        grants = self.grants
        if grants is None and self.redirect_uris:
            grants = (GrantType.AUTHORIZATION_CODE.value, GrantType.REFRESH_TOKEN.value)
        elif grants is None:
            grants = (GrantType.CLIENT_CREDENTIALS.value,) if held else ()
        target = self.audience if held or grants else None
        return ClientDefinition(
            name=self.name,
            audience=self.audience if self.audience != SELF else None,
            scopes=service,
            grant_types=grants,
            redirect_uris=self.redirect_uris,
            auth_method=self.auth_method,
            targets={} if target is None else {target: held or None},
            jwks=self.jwks,
            jwks_uri=self.jwks_uri,
            **{name: getattr(self.metadata, name) for name in NAMES},
        )


def _method(named: AuthMethod | None, *, public: bool, signs: bool) -> AuthMethod:
    """How the client proves itself; by Basic where nothing says otherwise. Raises ServiceError."""
    if public and named not in (None, AuthMethod.NONE):
        raise ServiceError(f"--public means --auth-method none, not {named}.")
    if public:
        return AuthMethod.NONE
    return named or (AuthMethod.PRIVATE_KEY_JWT if signs else AuthMethod.BASIC)


def _key_set(file: Path | None) -> dict[str, Any] | None:
    """The keys in a file. Raises ServiceError."""
    if file is None:
        return None
    try:
        return read_object(file.read_bytes())
    except MalformedToken as error:
        raise ServiceError(f"{file} holds no key set: {error}.") from error


@app.command()
def create_client(  # noqa: PLR0917 — typer hands them over by name
    name: Annotated[str, typer.Option("--name", metavar="N", help="What people call it.")],
    audience: Annotated[
        str | None,
        typer.Option("--audience", metavar="A", help="The downstream service that it stands for.", show_default=False),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="S",
            help="introspection, revocations:read, or a scope of the audience; repeatable.",
            show_default=False,
        ),
    ] = None,
    grant: Annotated[
        list[GrantType] | None,
        typer.Option("--grant", metavar="G", help=f"One of {', '.join(GrantType)}; repeatable.", show_default=False),
    ] = None,
    redirect_uri: Annotated[
        list[str] | None,
        typer.Option(
            "--redirect-uri", metavar="U", help="Where a browser may be sent; repeatable.", show_default=False
        ),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="An app on people's devices, which can keep no secret.")
    ] = False,
    auth_method: Annotated[
        AuthMethod | None,
        typer.Option("--auth-method", metavar="M", help=f"One of {', '.join(AuthMethod)}.", show_default=False),
    ] = None,
    jwks_uri: Annotated[
        str | None,
        typer.Option("--jwks-uri", metavar="U", help="The client's public keys, for private_key_jwt."),
    ] = None,
    jwks_file: Annotated[
        Path | None,
        typer.Option("--jwks-file", metavar="FILE", help="The same, in a file.", exists=True, dir_okay=False),
    ] = None,
    post_logout_redirect_uri: client_options.PostLogoutRedirectURIs = None,
    backchannel_logout_uri: client_options.BackchannelLogoutURI = None,
    frontchannel_logout_uri: client_options.FrontchannelLogoutURI = None,
    logo_uri: client_options.LogoURI = None,
    client_uri: client_options.ClientURI = None,
    policy_uri: client_options.PolicyURI = None,
    tos_uri: client_options.TosURI = None,
    initiate_login_uri: client_options.InitiateLoginURI = None,
    allowed_origin: client_options.AllowedOrigins = None,
    application_type: client_options.Application = None,
    id_token_alg: client_options.IDTokenAlgorithm = Algorithm.RS256,
    without_pkce: client_options.WithoutPKCE = False,
    trusted: client_options.Trusted = False,
    verified_publisher: client_options.VerifiedPublisher = None,
    default_max_age: client_options.DefaultMaxAge = None,
    claim: client_options.ClaimMappings = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Register a client and print its id and its secret, which is shown this once.

    With an audience and the scopes introspection and revocations:read it holds a downstream service's credentials:
    what that service sets as AUTH_CLIENT_ID and AUTH_CLIENT_SECRET. With the grant client_credentials it gets tokens
    of its own for that audience, with the scopes named or, where none is, those that need no permission. Without
    --grant it is authorization_code where redirect URIs are named, else client_credentials where scopes of the
    audience are.

    Example: auth-service create-client --name reporting --audience orders-api
    --scope orders:read --grant client_credentials --json
    """
    asked = Asked(
        name=name,
        audience=audience,
        scopes=tuple(scope or ()),
        grants=tuple(each.value for each in grant) if grant else None,
        redirect_uris=tuple(redirect_uri or ()),
        auth_method=_method(auth_method, public=public, signs=jwks_uri is not None or jwks_file is not None),
        jwks=_key_set(jwks_file),
        jwks_uri=jwks_uri,
        metadata=ClientMetadata(
            post_logout_redirect_uris=tuple(post_logout_redirect_uri or ()),
            backchannel_logout_uri=backchannel_logout_uri,
            frontchannel_logout_uri=frontchannel_logout_uri,
            logo_uri=logo_uri,
            client_uri=client_uri,
            policy_uri=policy_uri,
            tos_uri=tos_uri,
            initiate_login_uri=initiate_login_uri,
            application_type=application_type,
            id_token_signed_response_alg=id_token_alg,
            pkce_required=not without_pkce,
            consent_required=not trusted,
            default_max_age=default_max_age,
            claim_mappings=client_options.claims_of(claim),
            allowed_origins=tuple(allowed_origin or ()),
            verified_publisher=verified_publisher,
        ),
    )
    definition = asked.definition()

    async def work() -> NewCredentials:
        acting = Acting()
        async with opened(data_dir) as services, services.db.transaction() as tx:
            return await services.clients.create(tx, definition, actor=acting.actor, origin=acting.origin)

    with explained():
        print_credentials(asyncio.run(work()), as_json=as_json)


def print_credentials(made: NewCredentials, *, as_json: bool) -> None:
    """Print a client's id with the secret that is shown this once."""
    if as_json:
        print_json({"client_id": made.client_id, "client_secret": made.raw_secret})
    elif made.raw_secret is None:
        print(f"client_id      {made.client_id}\nIt has no secret.")
    else:
        print(f"client_id      {made.client_id}\nclient_secret  {made.raw_secret}")
        print("The secret is not stored and will not be shown again.")
