"""`/auth/me/trusted-browsers`: where the caller is not asked for a second factor each time."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel

from app.foundation.caller import Caller, RequestOrigin
from app.foundation.clock import rfc3339
from app.foundation.db import Database
from app.foundation.provide import provide
from app.foundation.routing import Router
from app.trust.browser import ListedBrowser
from app.trust.service import TrustedBrowsers

router = Router(tags=["account"], prefix="/auth/me/trusted-browsers")

Trusted = Annotated[TrustedBrowsers, provide(TrustedBrowsers)]
Connection = Annotated[Database, provide(Database)]


class TrustedBrowserBody(BaseModel):
    """A browser that the caller trusts; `ip` and `user_agent` are of the moment when they said so."""

    id: str
    created_at: str
    last_used_at: str | None
    expires_at: str
    ip: str | None
    user_agent: str | None

    @classmethod
    def of(cls, browser: ListedBrowser) -> "TrustedBrowserBody":
        """A trusted browser as JSON."""
        return cls(
            id=str(browser.id),
            created_at=rfc3339(browser.created_at),
            last_used_at=rfc3339(browser.last_used_at),
            expires_at=rfc3339(browser.expires_at),
            ip=browser.ip,
            user_agent=browser.user_agent,
        )


class TrustedBrowserList(BaseModel):
    """Every browser that the caller trusts, newest first."""

    items: list[TrustedBrowserBody]


@router.get("", summary="The browsers that the caller trusts")
async def list_trusted(db: Connection, trusted: Trusted, caller: Caller) -> TrustedBrowserList:
    """At most 20. Each was trusted on a page of ours, right after a second factor."""
    async with db.transaction() as tx:
        found = await trusted.list_of(tx, caller.user_id)
    return TrustedBrowserList(items=[TrustedBrowserBody.of(each) for each in found])


@router.delete("", summary="Trust no browser any longer", status_code=204)
async def end_all(db: Connection, trusted: Trusted, caller: Caller, origin: RequestOrigin) -> None:
    """Each of them is asked for a second factor again. Sessions live on."""
    async with db.transaction() as tx:
        await trusted.end_all(tx, caller.user_id, sub=caller.sub, origin=origin)


@router.delete("/{browser_id}", summary="Trust a browser no longer", status_code=204)
async def end(browser_id: UUID, db: Connection, trusted: Trusted, caller: Caller, origin: RequestOrigin) -> None:
    """It is asked for a second factor again. Sessions live on."""
    async with db.transaction() as tx:
        await trusted.end(tx, caller.user_id, browser_id, sub=caller.sub, origin=origin)
