from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from app.apikeys.service import APIKeys
from app.audit.erasure import AuditErasure
from app.consents.service import Consents
from app.factors.password.blocklist import CommonPasswords
from app.factors.password.factor import PasswordFactor
from app.factors.password.hashing import HashingCost, PasswordHasher
from app.factors.password.service import Passwords
from app.factors.recovery_code.service import RecoveryCodes
from app.factors.service import Factors
from app.federation.identities.service import Identities
from app.foundation.cache import Cache
from app.foundation.engines.lock import Engines
from app.foundation.mail.outbox import Outbox
from app.lifecycle.administrator import AdministratorCreation
from app.lifecycle.closing import AccountClosing
from app.lifecycle.interruption import Interruption
from app.lifecycle.provider_rights import ProviderRights
from app.lifecycle.service import UserLifecycle
from app.links.service import Links
from app.links.settings import LinkSettings
from app.revocation.filter import RevocationFilter
from app.revocation.service import Revocations
from app.revocation.wake import Wake
from app.sessions.service import Authentication, SessionLifetimes, Sessions, StartedSession
from app.trust.service import TrustedBrowsers, TrustPolicy
from app.users.user import User
from tests.audiences.support import ISSUER, ORIGIN, Registry, database_beside, empty, opened_registry

GRACE = timedelta(days=14)


@pytest.fixture(scope="session")
async def shared_database(engines: Engines, template: str, anyio_backend: str) -> str:
    """One database for the tests of this folder, which each empty it before they begin."""
    return await database_beside(engines.database_url, template, "lifecycle")


@pytest.fixture
async def database_url(shared_database: str) -> str:
    await empty(shared_database)
    return shared_database


class House:
    """One process's services around a user: two of them on one database are two processes."""

    def __init__(self, registry: Registry, passwords: Passwords) -> None:
        self.registry, self.db, self.users = registry, registry.db, registry.users
        self.passwords = passwords
        lifetimes = SessionLifetimes(idle=timedelta(days=1), absolute=timedelta(days=2))
        cache = Cache(None)
        self.revocations = Revocations(registry.clock, Wake(cache), RevocationFilter(cache))
        self.sessions = Sessions(registry.clock, registry.audit, self.revocations, lifetimes)
        self.links = Links(self.db, registry.clock, LinkSettings(), public_url=ISSUER)
        keys = APIKeys(registry.clock, registry.audit, self.revocations)
        self.identities = Identities(registry.clock, registry.keyring, registry.audit)
        self.interruption = Interruption(
            users=self.users,
            sessions=self.sessions,
            links=self.links,
            api_keys=keys,
            rights=ProviderRights(
                self.db, identities=self.identities, roles=registry.assignments, groups=registry.groups
            ),
        )
        self.outbox = Outbox(registry.clock, registry.keyring, domain="auth.example.com")
        self.lifecycle = UserLifecycle(
            self.db,
            users=self.users,
            passwords=passwords,
            roles=registry.assignments,
            groups=registry.groups,
            sessions=self.sessions,
            factors=Factors([PasswordFactor(self.db, passwords), RecoveryCodes(registry.clock)]),
            links=self.links,
            interruption=self.interruption,
            revocations=self.revocations,
            erasure=AuditErasure(self.db, registry.clock, registry.audit),
            consents=Consents(registry.clock, registry.audit),
            trusted=TrustedBrowsers(
                registry.clock, registry.audit, TrustPolicy(lifetime=timedelta(days=30), is_a_factor=False)
            ),
            identities=self.identities,
        )
        self.closing = AccountClosing(
            self.db,
            registry.clock,
            self.lifecycle,
            users=self.users,
            outbox=self.outbox,
            links=self.links,
            grace=GRACE,
        )
        self.administrators = AdministratorCreation(
            self.db,
            registry.audit,
            users=self.users,
            passwords=passwords,
            roles=registry.role_registration,
            assignments=registry.assignments,
            sessions=self.sessions,
        )

    async def start(self, tx, user: User) -> StartedSession | None:
        return await self.sessions.start(
            tx,
            user_id=user.id,
            credentials_version=user.credentials_version,
            authentication=Authentication(amr=("pwd",), acr="aal1"),
            origin=ORIGIN,
        )

    async def sign_in(self, user: User) -> StartedSession | None:
        async with self.db.transaction() as tx:
            return await self.start(tx, user)

    async def live(self, user: User) -> int:
        async with self.db.transaction() as tx:
            return len(await self.sessions.list_live(tx, user.id, after=None, limit=50))

    async def find(self, email: str) -> User | None:
        async with self.db.transaction() as tx:
            return await self.users.find_by_email(tx, email)

    async def password_is(self, user: User, password: str) -> bool:
        async with self.db.transaction() as tx:
            stored = await self.passwords.stored(tx, user.id)
        return stored is not None and await self.passwords.verify(stored, password)

    async def make_administrator(self, name: str) -> User:
        user = await self.registry.make_user(f"{name}@example.com")
        await self.registry.assign(user, "admin")
        return user


@pytest.fixture(scope="session")
def common() -> CommonPasswords:
    return CommonPasswords()


def passwords_of(registry: Registry, hasher: PasswordHasher, common: CommonPasswords) -> Passwords:
    return Passwords(
        registry.db,
        registry.clock,
        users=registry.users,
        hasher=hasher,
        common=common,
        min_length=8,
        public_url=ISSUER,
    )


@pytest.fixture
async def houses(database_url: str, common: CommonPasswords) -> AsyncIterator[tuple[House, House]]:
    """Two processes on one database, with the built-in role."""
    hasher = PasswordHasher(threads=1, queue=8, cost=HashingCost(memory_kib=8, passes=1))
    async with opened_registry(database_url) as one, opened_registry(database_url) as two:
        await one.ensure_built_in()
        yield tuple(House(registry, passwords_of(registry, hasher, common)) for registry in (one, two))
    hasher.close()


@pytest.fixture
def house(houses: tuple[House, House]) -> House:
    return houses[0]
