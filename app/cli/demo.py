"""The demo data of a development instance."""

from app.audiences.definition import AudienceDefinition
from app.audiences.errors import AudienceExists
from app.cli.operator import Acting
from app.cli.panel import ADMIN_EMAIL, DEMO_EMAIL, DEMO_PASSWORD
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
