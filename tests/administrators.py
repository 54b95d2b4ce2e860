"""Administrators who hold exactly the scopes that a test wants them to."""

from datetime import timedelta

import httpx2
from sqlalchemy import text

from app.audiences.own import ADMIN_SCOPES, SELF
from app.audit.event import Actor, ActorKind
from app.foundation.origin import Origin
from app.wiring import Services
from tests.support import PASSWORD, bearer

BY = {"actor": Actor(ActorKind.OPERATOR, "test"), "origin": Origin(ip=None, user_agent=None, trace_id="0" * 32)}


class Administrators:
    """Makes users who hold admin scopes, and signs them in over HTTP."""

    def __init__(self, api: httpx2.AsyncClient, services: Services) -> None:
        self._api = api
        self._services = services
        self._made = 0

    async def holding(self, *scopes: str) -> dict[str, str]:
        """The headers of a freshly signed-in user who holds these admin scopes and no others."""
        self._made += 1
        email, role = f"admin{self._made}@example.com", f"test-admin-{self._made}"
        answer = await self._api.post("/auth/signup", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        async with self._services.db.transaction() as tx:
            user = await self._services.users.find_by_email(tx, email)
            assert user is not None
            await self._services.role_registration.create(tx, role, **BY)
            for scope in scopes:
                await self._services.role_registration.grant(tx, role, permission=scope, audience=SELF, **BY)
            await self._services.role_assignments.assign(tx, user_id=user.id, role=role, audience=None, **BY)
        await self._services.roles.refresh()
        answer = await self._api.post("/auth/login", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        assert set(answer.json()["scope"].split()) == set(scopes)
        return bearer(answer.json())

    async def all_powerful(self) -> dict[str, str]:
        """The headers of a freshly signed-in user who holds every admin scope."""
        return await self.holding(*ADMIN_SCOPES)

    async def grow_stale(self) -> None:
        """Let every sign-in lie longer ago than fresh authentication allows."""
        ago = timedelta(seconds=self._services.settings.account.fresh_auth_seconds + 5)
        async with self._services.db.transaction() as tx:
            await tx.execute(text("UPDATE sessions SET auth_time = auth_time - CAST(:ago AS interval)"), {"ago": ago})
