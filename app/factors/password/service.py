"""Choosing, keeping and verifying passwords."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import UUID

from app.factors.password import rules, store
from app.factors.password.blocklist import CommonPasswords
from app.factors.password.errors import PasswordRefused
from app.factors.password.hashing import HashingBusy, PasswordHasher
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.users.service import Users
from app.users.user import User

SERVICE_NAME = "auth-service"


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordContext:
    """What a guesser may know of the person who chooses."""

    email: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class LoginCandidate:
    """A user found by address, and the hash of their password, if they have one."""

    user: User
    password_hash: str | None = field(repr=False)


class Passwords:
    """The password factor. Hashing holds no connection: callers read first, and write after.

    `public_url` is what people know this service by, beside its name: no password is made of it.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        users: Users,
        hasher: PasswordHasher,
        common: CommonPasswords,
        min_length: int,
        public_url: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._users = users
        self._hasher = hasher
        self._common = common
        self.min_length = min_length
        self._place = (SERVICE_NAME, urlsplit(public_url).hostname or "")

    def check_choice(self, password: str, context: PasswordContext, *, pointer: str = "/password") -> None:
        """Refuse a password that breaks a rule, naming every rule. Raises PasswordRefused.

        `pointer` is where the password stands in the request.
        """
        words = [*self._place, *(word for word in (context.email, context.name) if word)]
        faults = rules.check(password, min_length=self.min_length, words=words, common=self._common)
        if faults:
            raise PasswordRefused(faults, pointer=pointer)

    async def hash(self, password: str) -> str:
        """The PHC string of a password, whether the rules allow it or not. Raises HashingBusy.

        Raises PasswordRefused for what no password can be.
        """
        prepared = rules.prepare(password)
        if prepared is None:
            raise PasswordRefused(rules.check(password, min_length=0, words=(), common=()), pointer="/password")
        return await self._hasher.hash(prepared.encode())

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the hash is of that password. Raises HashingBusy.

        None, for an unknown user or one without a password, costs the same and is never right.
        """
        prepared = rules.prepare(password)
        if password_hash is None or prepared is None:
            return await self._hasher.verify_nothing()
        if self._hasher.needs_rehash(password_hash):
            # It may be another system's, which did not prepare the password as we do.
            return await self._hasher.verify_foreign(password_hash, password)
        return await self._hasher.verify(password_hash, prepared.encode())

    async def stored(self, tx: Transaction, user_id: UUID) -> str | None:
        """The hash of a user's password, or None when they have none."""
        return await store.find_hash(tx, user_id)

    async def set(self, tx: Transaction, user_id: UUID, password_hash: str) -> None:
        """Give a user a password, or another one: then sign-ins under way with the old one are refused."""
        if await store.put(tx, user_id, password_hash, now=self._clock.now()):
            await self._users.note_changed_credentials(tx, user_id)

    async def add_imported(self, tx: Transaction, hashes: Mapping[UUID, str]) -> None:
        """Keep hashes that other systems made, of users who have just been made and have none.

        `foreign.check` has let each of them in. The first sign-in puts one of ours in its place.
        """
        await store.add_all(tx, hashes, now=self._clock.now())

    async def stored_of(self, tx: Transaction, user_ids: Collection[UUID]) -> Mapping[UUID, str]:
        """The hashes of those of these users who have a password."""
        return await store.find_all(tx, user_ids)

    async def delete(self, tx: Transaction, user_id: UUID) -> bool:
        """Take a user's password away; False when there was none."""
        return await store.remove(tx, user_id)

    async def replace_if_unchanged(self, tx: Transaction, user_id: UUID, *, old_hash: str, new_hash: str) -> bool:
        """Put another hash of the same password in the old one's place, unless it has changed meanwhile."""
        return await store.swap(tx, user_id, old_hash=old_hash, new_hash=new_hash)

    async def rehash_if_outdated(self, candidate: LoginCandidate, password: str) -> bool:
        """Hash a password that was just verified anew where today's parameters differ; whether it was done.

        While the pool is busy nothing is done: the next sign-in does it.
        """
        old_hash = candidate.password_hash
        if old_hash is None or not self._hasher.needs_rehash(old_hash):
            return False
        try:
            new_hash = await self.hash(password)
        except HashingBusy:
            return False
        async with self._db.transaction() as tx:
            return await self.replace_if_unchanged(tx, candidate.user.id, old_hash=old_hash, new_hash=new_hash)
