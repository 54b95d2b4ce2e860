"""Keeping and verifying passwords."""

import asyncio
import unicodedata
from uuid import uuid4

import pytest

from app.factors.password.blocklist import CommonPasswords
from app.factors.password.errors import PasswordRefused
from app.factors.password.hashing import HashingBusy, HashingCost, PasswordHasher
from app.factors.password.service import LoginCandidate, PasswordContext, Passwords
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.origin import Origin
from app.users.service import Users
from app.users.user import Entry, User

pytestmark = pytest.mark.anyio

ORIGIN = Origin(ip="192.0.2.1", user_agent="test", trace_id="0" * 32)
PASSWORD = "garden lamp under snow"


@pytest.fixture
async def ann(db: Database, users: Users) -> User:
    async with db.transaction() as tx:
        return await users.create(tx, email="ann@example.com", entry=Entry.SIGN_UP, origin=ORIGIN)


async def give(db: Database, passwords: Passwords, user: User, password: str = PASSWORD) -> str:
    password_hash = await passwords.hash(password)
    async with db.transaction() as tx:
        await passwords.set(tx, user.id, password_hash)
    return password_hash


async def find(db: Database, passwords: Passwords, user: User) -> LoginCandidate:
    async with db.transaction() as tx:
        return LoginCandidate(user, await passwords.stored(tx, user.id))


async def test_the_hash_of_a_user_is_found(db: Database, passwords: Passwords, ann: User) -> None:
    password_hash = await give(db, passwords, ann)
    async with db.transaction() as tx:
        assert await passwords.stored(tx, ann.id) == password_hash
        assert await passwords.stored(tx, uuid4()) is None
    assert password_hash not in repr(await find(db, passwords, ann))


async def test_a_user_without_a_password_is_found_without_a_hash(db: Database, passwords: Passwords, ann: User) -> None:
    assert await find(db, passwords, ann) == LoginCandidate(ann, None)
    assert not await passwords.verify(None, PASSWORD)


@pytest.mark.attack("PWD-04")
@pytest.mark.parametrize(
    "typed",
    [
        unicodedata.normalize("NFC", "zoë on a blue über-roof"),
        unicodedata.normalize("NFD", "zoë on a blue über-roof"),
        "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isalpha() else c for c in "zoë on a blue über-roof"),
    ],
    ids=["NFC", "NFD", "fullwidth"],
)
async def test_every_keyboards_spelling_opens_the_account(passwords: Passwords, typed: str) -> None:
    password_hash = await passwords.hash("zoë on a blue über-roof")
    assert await passwords.verify(password_hash, typed)
    assert not await passwords.verify(password_hash, typed.upper())


@pytest.mark.attack("PWD-04")
async def test_a_long_password_counts_to_its_last_character(passwords: Passwords) -> None:
    password = "pine " * 51 + "x"
    password_hash = await passwords.hash(password)
    assert await passwords.verify(password_hash, password)
    assert not await passwords.verify(password_hash, password[:-1])
    assert not await passwords.verify(password_hash, password[:-1] + "y")


@pytest.mark.parametrize("typed", ["", "p" * 257, "p" * 60_000, "\ud800" * 20, "nul \0 nul"], ids=lambda t: str(len(t)))
async def test_what_no_password_can_be_is_simply_wrong(passwords: Passwords, typed: str) -> None:
    assert not await passwords.verify(await passwords.hash(PASSWORD), typed)
    if typed:
        with pytest.raises(PasswordRefused):
            await passwords.hash(typed)


@pytest.mark.attack("PWD-05")
async def test_a_refused_choice_names_each_rule_by_a_stable_code(passwords: Passwords) -> None:
    context = PasswordContext(email="ann@example.com", name="Ann Lee")
    passwords.check_choice(PASSWORD, context)
    with pytest.raises(PasswordRefused) as refusal:
        passwords.check_choice("acmecorp", context, pointer="/new_password")
    assert refusal.value.code == "password_refused"
    assert refusal.value.status == 422
    (fault,) = refusal.value.extensions["errors"]  # type: ignore[misc]
    assert fault["pointer"] == "/new_password"
    assert fault["code"] == "too_personal"
    assert "acmecorp" not in fault["detail"]


async def test_a_changed_password_outdates_sign_ins_under_way(
    db: Database, passwords: Passwords, ann: User, users: Users
) -> None:
    await give(db, passwords, ann)
    async with db.transaction() as tx:
        assert (await users.get(tx, ann.id)).credentials_version == 0
    await give(db, passwords, ann, "another fine password")
    async with db.transaction() as tx:
        assert (await users.get(tx, ann.id)).credentials_version == 1
        password_hash = await passwords.stored(tx, ann.id)
    assert await passwords.verify(password_hash, "another fine password")


async def test_a_deleted_password_opens_nothing(db: Database, passwords: Passwords, ann: User) -> None:
    await give(db, passwords, ann)
    async with db.transaction() as tx:
        await passwords.delete(tx, ann.id)
        await passwords.delete(tx, ann.id)
    assert await find(db, passwords, ann) == LoginCandidate(ann, None)


async def test_a_login_renews_a_hash_with_outdated_parameters(
    db: Database, passwords: Passwords, ann: User, hasher: PasswordHasher
) -> None:
    cheap = PasswordHasher(threads=1, queue=0, cost=HashingCost(memory_kib=8, passes=1))
    async with db.transaction() as tx:
        await passwords.set(tx, ann.id, await cheap.hash(PASSWORD.encode()))
    cheap.close()
    outdated = await find(db, passwords, ann)
    assert outdated is not None
    assert await passwords.rehash_if_outdated(outdated, PASSWORD)
    renewed = await find(db, passwords, ann)
    assert renewed is not None
    assert renewed.password_hash is not None
    assert not hasher.needs_rehash(renewed.password_hash)
    assert await passwords.verify(renewed.password_hash, PASSWORD)
    # The password is the same: sign-ins under way stay good.
    assert renewed.user.credentials_version == 0
    assert not await passwords.rehash_if_outdated(renewed, PASSWORD)
    # Whoever read the old hash comes too late.
    assert not await passwords.rehash_if_outdated(outdated, PASSWORD)


async def test_a_rehash_never_undoes_a_change_of_password(db: Database, passwords: Passwords, ann: User) -> None:
    old_hash = await give(db, passwords, ann)
    new_hash = await give(db, passwords, ann, "another fine password")
    async with db.transaction() as tx:
        assert not await passwords.replace_if_unchanged(tx, ann.id, old_hash=old_hash, new_hash="x")
        assert await passwords.stored(tx, ann.id) == new_hash


async def test_a_busy_pool_leaves_an_outdated_hash_for_the_next_login(
    db: Database, users: Users, common: CommonPasswords, ann: User
) -> None:
    slow = PasswordHasher(threads=1, queue=0, cost=HashingCost(memory_kib=64 * 1024, passes=3))
    busy = Passwords(
        db,
        Clock(),
        users=users,
        hasher=slow,
        common=common,
        min_length=8,
        public_url="https://login.example",
    )
    under_way = asyncio.ensure_future(busy.hash(PASSWORD))
    await asyncio.sleep(0)
    assert not await busy.rehash_if_outdated(LoginCandidate(ann, "$argon2id$v=19$m=8,t=1,p=1$x$y"), PASSWORD)
    with pytest.raises(HashingBusy):
        await busy.verify(None, PASSWORD)
    await under_way
    slow.close()


async def test_no_connection_is_held_while_a_password_is_hashed(db: Database, passwords: Passwords, ann: User) -> None:
    under_way = asyncio.ensure_future(passwords.hash(PASSWORD))
    await asyncio.sleep(0)
    assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    await under_way
