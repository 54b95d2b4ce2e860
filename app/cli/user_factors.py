"""`users`, continued: who must have a second factor, and taking lost ones away."""

from typing import Annotated

import typer

from app.cli.demand import Demand
from app.cli.operator import Acting
from app.cli.options import AsJson, DataDir
from app.cli.users import Who, app, change
from app.users.user import User
from app.wiring import Services

__all__ = ["app"]


Asked = Annotated[
    Demand, typer.Option("--acr", help="aal2: two factors; phr: a passkey that verifies its user; none: no longer.")
]


@app.command("require-mfa")
def require_mfa(who: Who, acr: Asked = Demand.AAL2, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Ask a user for a second factor at every sign-in; without one they enrol it there. Open sessions stay.

    Example: auth-service users require-mfa ann@example.com
    """
    acting = Acting()

    async def work(services: Services, user: User) -> None:
        async with services.db.transaction() as tx:
            await services.users.require_acr(tx, user.id, acr.acr, actor=acting.actor, origin=acting.origin)

    change(who, work, data_dir, as_json=as_json)


@app.command("reset-mfa")
def reset_mfa(who: Who, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Take every second factor of a user away, end their sessions and tell them. Make sure of who asks you to.

    Example: auth-service users reset-mfa ann@example.com
    """
    acting = Acting()

    async def work(services: Services, user: User) -> None:
        await services.second_factors.reset(user.id, actor=acting.actor, origin=acting.origin)

    change(who, work, data_dir, as_json=as_json)
