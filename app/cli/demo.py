"""The demo data of a development instance."""

from app.audiences.definition import AudienceDefinition
from app.audiences.errors import AudienceExists
from app.cli.operator import Acting
from app.cli.panel import ADMIN_EMAIL, DEMO_EMAIL, DEMO_PASSWORD
from app.clients.errors import ClientNotFound
from app.clients.rules import ClientDefinition, ServiceScope
from app.foundation.db import Transaction
from app.users.user import Entry
from app.wiring import Services

AUDIENCES = (
    AudienceDefinition(name="orders-api", scopes={"orders:read": None, "orders:write": None}, claims=("email",)),
    AudienceDefinition(name="billing-api", scopes={"billing:read": None}, claims=("email",)),
)


async def write_demo(services: Services, *, admin_password: str) -> None:
    """Make the audiences of the examples, a user with the published password, and an administrator.

    What exists already stays as it is.
    """
    acting = Acting()
    for definition in AUDIENCES:
        try:
            await services.audience_registration.create(definition, actor=acting.actor, origin=acting.origin)
        except AudienceExists:
            continue
    await _write_user(services, acting)
    await services.administrators.create(
        email=ADMIN_EMAIL, password=admin_password, actor=acting.actor, origin=acting.origin
    )


async def write_clients(services: Services, noted: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """The credentials of the examples, each as its environment: those noted, or new ones where they are not here."""
    acting = Acting()
    credentials: dict[str, dict[str, str]] = {}
    for audience in (definition.name for definition in AUDIENCES):
        async with services.db.transaction() as tx:
            if await _exists(services, tx, noted.get(audience, {}).get("AUTH_CLIENT_ID", "")):
                credentials[audience] = noted[audience]
                continue
            definition = ClientDefinition(name=audience, audience=audience, scopes=tuple(ServiceScope))
            made = await services.clients.create(tx, definition, actor=acting.actor, origin=acting.origin)
            credentials[audience] = {"AUTH_CLIENT_ID": made.client_id, "AUTH_CLIENT_SECRET": made.raw_secret or ""}
    return credentials


async def _exists(services: Services, tx: Transaction, client_id: str) -> bool:
    try:
        await services.clients.get(tx, client_id)
    except ClientNotFound:
        return False
    return True


async def _write_user(services: Services, acting: Acting) -> None:
    """The user is written past the password rules, which would refuse a password that stands in a README."""
    password_hash = await services.passwords.hash(DEMO_PASSWORD)
    async with services.db.transaction() as tx:
        if await services.users.find_by_email(tx, DEMO_EMAIL) is not None:
            return
        user = await services.users.create(
            tx,
            email=DEMO_EMAIL,
            entry=Entry.DEMO,
            origin=acting.origin,
            name="Demo User",
            actor=acting.actor,
            verified=True,
        )
        await services.passwords.set(tx, user.id, password_hash)
