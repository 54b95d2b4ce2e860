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
from app.foundation.errors import ServiceError
from app.grants.issue import FIRST_PARTY_CLIENT, IssuedGrant
from app.grants.mint import IssuedTokens
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
def mint(
    user: Annotated[str, typer.Option("--user", metavar="EMAIL", help="Whose; an e-mail address or a sub.")],
    audience: Annotated[str, typer.Option("--audience", metavar="A", help="For whom; self is this service.")] = SELF,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="S", help="Only this scope; may be repeated.", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Open a session for a user without their password, and print its access token; with --json the token response.

    The session is like any other: it is listed, audited with the operator as its actor, and can be ended. Its
    tokens carry an empty `amr` and the `acr` 0, because nobody proved anything. Refused in production.

    Example: auth-service token mint --user user@example.com --audience orders-api --scope orders:read
    """

    async def work() -> IssuedTokens:
        async with opened(data_dir) as services:
            if services.settings.is_production:
                raise ServiceError("In production nobody gets a token without signing in; ENVIRONMENT is production.")
            async with services.db.transaction() as tx:
                await services.audiences.require(tx, audience)
            target = await services.audiences.get(audience)
            requested = parse_scope(" ".join(scope) if scope else None)
            require_known(requested, target.scopes)
            subject, grant = await _open(services, user, target, requested)
            return await services.issuance.sign(
                grant, subject=subject_of(subject), audience=target, requested=requested
            )

    with explained():
        tokens = asyncio.run(work())
    if as_json:
        print_json(tokens.as_json())
    else:
        print(tokens.access_token)


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
