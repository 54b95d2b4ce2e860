"""`token`: tokens for trying things out."""

import asyncio
from typing import Annotated

import typer

from app.audiences.own import SELF
from app.audiences.service import AudienceView
from app.cli.context import opened
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_json
from app.cli.users import find_user
from app.clients.errors import ClientNotFound
from app.foundation.errors import ServiceError
from app.grants.client_token import ClientTokenRequest
from app.grants.issue import FIRST_PARTY_CLIENT, IssuedGrant
from app.grants.scope import parse_scope, require_known
from app.lifecycle.errors import NotWhileSuspended
from app.login.sign_in import subject_of
from app.sessions.events import SessionCreated
from app.sessions.service import Authentication
from app.users.user import User
from app.wiring import Services

app = typer.Typer(add_completion=False, no_args_is_help=True)

# Nobody proved anything, and the token must not say otherwise. Spec: OpenID Connect Core 1.0 §2, `acr` "0".
UNPROVEN = Authentication(amr=(), acr="0")


@app.callback()
def _about() -> None:
    """Tokens for trying things out; in development alone.

    Example: auth-service token mint --user user@example.com --audience orders-api
    """


@app.command()
def mint(  # noqa: PLR0917 — typer hands them over by name
    user: Annotated[
        str | None, typer.Option("--user", metavar="EMAIL", help="A person's; an e-mail address or a sub.")
    ] = None,
    client: Annotated[str | None, typer.Option("--client", metavar="ID", help="A client's own instead.")] = None,
    audience: Annotated[
        str | None,
        typer.Option("--audience", metavar="A", help="For whom; self is this service, and the default for a person."),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="S", help="Only this scope; may be repeated.", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Print an access token without anybody's password or secret; with --json the token response.

    For a user it opens a session like any other: it is listed, audited with the operator as its actor, and can be
    ended. Its tokens carry an empty `amr` and the `acr` 0, because nobody proved anything. A client's own is what the
    client itself would get for one of its audiences. Refused in production.

    Example: auth-service token mint --user user@example.com --audience orders-api --scope orders:read
    """
    if (user is None) == (client is None):
        raise ServiceError("Name whose token it is: either --user or --client.")

    async def work() -> dict[str, object]:
        async with opened(data_dir) as services:
            if services.settings.is_production:
                raise ServiceError("In production nobody gets a token without signing in; ENVIRONMENT is production.")
            requested = parse_scope(" ".join(scope) if scope else None)
            if client is not None:
                return await _mint_for_client(services, client, audience, requested)
            return await _mint_for_user(services, user or "", audience or SELF, requested)

    with explained():
        members = asyncio.run(work())
    if as_json:
        print_json(members)
    else:
        print(members["access_token"])


async def _mint_for_user(
    services: Services, who: str, audience: str, requested: tuple[str, ...] | None
) -> dict[str, object]:
    async with services.db.transaction() as tx:
        await services.audiences.require(tx, audience)
    target = await services.audiences.get(audience)
    require_known(requested, target.scopes)
    subject, grant = await _open(services, who, target, requested)
    signed = await services.issuance.sign(grant, subject=subject_of(subject), audience=target, requested=requested)
    return signed.as_json()


async def _mint_for_client(
    services: Services, client_id: str, audience: str | None, requested: tuple[str, ...] | None
) -> dict[str, object]:
    known = await services.oauth.directory.read(client_id)
    if known is None:
        raise ClientNotFound
    tokens = services.oauth.tokens
    target = await tokens.target_of(known, None if audience == SELF and not known.targets else audience)
    asked = ClientTokenRequest(audience=target, requested=requested)
    made = await tokens.issue(known, asked, Acting().origin)
    if made is None:
        raise ServiceError("The client is disabled, or was changed at this moment.")
    return {
        "access_token": made.raw_token,
        "token_type": "Bearer",
        "expires_in": made.expires_in,
        "scope": made.scope,
    }


async def _open(
    services: Services, who: str, audience: AudienceView, requested: tuple[str, ...] | None
) -> tuple[User, IssuedGrant]:
    """Session, grant, first refresh token and audit entry in one transaction, as at every sign-in."""
    acting = Acting()
    async with services.db.transaction() as tx:
        user = await find_user(services, tx, who)
        session = await services.sessions.start(
            tx,
            user_id=user.id,
            credentials_version=user.credentials_version,
            authentication=UNPROVEN,
            origin=acting.origin,
        )
        if session is None:
            raise NotWhileSuspended("A suspended user gets no token.")
        grant = await services.issuance.issue(
            tx, session=session, client_id=FIRST_PARTY_CLIENT, audience=audience, requested=requested
        )
        event = SessionCreated(
            actor=acting.actor,
            origin=acting.origin,
            subject=user.sub,
            sid=session.sid,
            amr=list(session.amr),
            acr=session.acr,
            client_id=FIRST_PARTY_CLIENT,
            audience=audience.aud,
        )
        await services.audit.record(tx, event)
    return user, grant
