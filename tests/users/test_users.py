"""Making, finding and changing users."""

import asyncio
from collections.abc import Mapping
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.audit.event import Actor, ActorKind
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.origin import Origin
from app.users.email import EmailRefused
from app.users.errors import AttributeRefused, EmailTaken, NameRefused, SignUpClosed, UserNotFound
from app.users.service import Users
from app.users.user import MAX_ATTRIBUTES, Entry, User, UserStatus

pytestmark = pytest.mark.anyio

ORIGIN = Origin(ip="192.0.2.1", user_agent="test", trace_id="0" * 32)
OPERATOR = Actor(ActorKind.OPERATOR, "root")


async def make(db: Database, users: Users, email: str = "ann@example.com", **fields: object) -> User:
    async with db.transaction() as tx:
        return await users.create(tx, email=email, entry=Entry.SIGN_UP, origin=ORIGIN, **fields)  # type: ignore[arg-type]


async def recorded(db: Database, kind: str) -> list[Mapping[str, object]]:
    async with db.transaction() as tx:
        statement = text(
            "SELECT a.*, e.id IS NOT NULL AS announced FROM audit_entries a LEFT JOIN events e ON e.id = a.id "
            "WHERE a.type = :kind ORDER BY a.id"
        )
        return [dict(row) for row in (await tx.execute(statement, {"kind": kind})).mappings()]


async def test_a_user_is_found_by_id_subject_and_any_spelling_of_the_address(db: Database, users: Users) -> None:
    made = await make(db, users, "Ann@Example.com", name="  Ann Lee ")
    assert made.email == "Ann@Example.com"
    assert made.name == "Ann Lee"
    assert UUID(made.sub).version == 4
    assert made.id.version == 7
    assert made.email_verified_at is None
    assert made.status is UserStatus.ACTIVE
    async with db.transaction() as tx:
        assert await users.get(tx, made.id) == made
        assert await users.find(tx, made.id) == made
        assert await users.find_by_sub(tx, made.sub) == made
        assert await users.find_by_email(tx, "aNN@eXAMPLE.com") == made


async def test_what_is_absent_is_not_found(db: Database, users: Users) -> None:
    async with db.transaction() as tx:
        assert await users.find(tx, uuid4()) is None
        assert await users.find_by_sub(tx, "nobody") is None
        assert await users.find_by_email(tx, "nobody@example.com") is None
        assert await users.find_by_email(tx, "no address") is None
        with pytest.raises(UserNotFound):
            await users.get(tx, uuid4())


async def test_a_new_user_is_told_of_by_an_event_of_their_own(db: Database, users: Users) -> None:
    made = await make(db, users)
    (entry,) = await recorded(db, "user.created")
    assert entry["actor_kind"] == "user"
    assert entry["actor_id"] == entry["subject"] == made.sub
    assert entry["details"] == {"entry": "signup"}
    assert entry["announced"]


async def test_an_operator_makes_a_verified_user(db: Database, users: Users) -> None:
    async with db.transaction() as tx:
        made = await users.create(
            tx,
            email="root@example.com",
            entry=Entry.OPERATOR,
            origin=ORIGIN,
            actor=OPERATOR,
            verified=True,
            attributes={"tier": "gold"},
        )
    assert made.email_verified_at is not None
    assert made.attributes == {"tier": "gold"}
    (entry,) = await recorded(db, "user.created")
    assert (entry["actor_kind"], entry["actor_id"]) == ("operator", "root")


async def test_a_taken_address_is_refused_and_the_transaction_goes_on(db: Database, users: Users) -> None:
    first = await make(db, users, "ann@example.com")
    async with db.transaction() as tx:
        with pytest.raises(EmailTaken):
            await users.create(tx, email="ANN@example.com", entry=Entry.SIGN_UP, origin=ORIGIN)
        assert await users.find_by_email(tx, "ann@example.com") == first


async def test_of_many_at_once_for_one_address_one_wins(db: Database, users: Users) -> None:
    spellings = ["ann@example.com", "ANN@example.com"] * 10
    answers = await asyncio.gather(*(make(db, users, email) for email in spellings), return_exceptions=True)
    assert sum(isinstance(answer, User) for answer in answers) == 1
    assert sum(isinstance(answer, EmailTaken) for answer in answers) == 19
    assert len(await recorded(db, "user.created")) == 1


async def test_a_refused_user_leaves_nothing_behind(db: Database, users: Users) -> None:
    for fields in ({"email": "no address"}, {"name": "\n"}, {"attributes": {"sub": "x"}}):
        with pytest.raises((EmailRefused, NameRefused, AttributeRefused)):
            await make(db, users, **fields)  # type: ignore[arg-type]
    async with db.transaction() as tx:
        assert await users.list(tx) == ()
    assert await recorded(db, "user.created") == []


@pytest.mark.parametrize("entry", Entry)
async def test_closed_sign_up_lets_in_only_those_whom_an_operator_makes(db: Database, entry: Entry) -> None:
    users = Users(Clock(), AuditLog(Clock()), signup_open=False)
    async with db.transaction() as tx:
        if entry is Entry.SIGN_UP:
            with pytest.raises(SignUpClosed):
                await users.create(tx, email="ann@example.com", entry=entry, origin=ORIGIN)
        else:
            assert await users.create(tx, email="ann@example.com", entry=entry, origin=ORIGIN, actor=OPERATOR)


@pytest.mark.parametrize(
    "name", ["Ann", "Ann-Marié O'Neil", "王小明", "محمد", "नरेन्द्र", "X", "n" * 200, "👩\u200d👩\u200d👧"]
)
async def test_a_name_may_be_of_any_script(steady_db: Database, users: Users, name: str) -> None:
    assert (await make(steady_db, users, f"{uuid4().hex}@example.com", name=name)).name == name


@pytest.mark.parametrize(
    "name", ["", "   ", "n" * 201, "n" * 10_000, "a\0b", "a\nb", "a\x1bb", "a\u202eb", "a\u2028b", "\ud800"]
)
async def test_what_is_no_name_is_refused(steady_db: Database, users: Users, name: str) -> None:
    with pytest.raises(NameRefused) as refusal:
        await make(steady_db, users, name=name)
    assert refusal.value.extensions["errors"] == [{"pointer": "/name", "detail": refusal.value.description}]


async def test_a_name_is_changed_and_taken_away(db: Database, users: Users) -> None:
    made = await make(db, users, name="Ann")
    async with db.transaction() as tx:
        changed = await users.update_profile(tx, made.id, name="Ann Lee", actor=OPERATOR, origin=ORIGIN)
        assert changed.name == "Ann Lee"
        assert (await users.update_profile(tx, made.id, name=None, actor=OPERATOR, origin=ORIGIN)).name is None
    entries = await recorded(db, "user.updated")
    assert [entry["details"] for entry in entries] == [{"changed": "name"}, {"changed": "name"}]


async def test_a_proven_address_stays_proven_since_the_first_time(db: Database, users: Users) -> None:
    made = await make(db, users)
    async with db.transaction() as tx:
        first = await users.mark_verified(tx, made.id, actor=OPERATOR, origin=ORIGIN)
        second = await users.mark_verified(tx, made.id, actor=OPERATOR, origin=ORIGIN)
    assert first.email_verified_at == second.email_verified_at is not None
    assert first.is_verified
    entries = await recorded(db, "user.updated")
    assert [entry["details"] for entry in entries] == [{"changed": "email_verified"}]


async def test_suspending_twice_is_recorded_once(db: Database, users: Users) -> None:
    made = await make(db, users)
    async with db.transaction() as tx:
        for _ in range(2):
            suspended = await users.set_status(tx, made.id, UserStatus.SUSPENDED, actor=OPERATOR, origin=ORIGIN)
            assert suspended.status is UserStatus.SUSPENDED
        active = await users.set_status(tx, made.id, UserStatus.ACTIVE, actor=OPERATOR, origin=ORIGIN)
        assert active.status is UserStatus.ACTIVE
    assert len(await recorded(db, "user.suspended")) == 1
    assert len(await recorded(db, "user.reactivated")) == 1


@pytest.mark.parametrize("value", ["gold", "", 7, -1.5, True, False, "ünïcode", "x" * 1024])
async def test_an_attribute_is_set_and_removed(db: Database, users: Users, value: str | float | bool) -> None:
    made = await make(db, users, attributes={"kept": 1})
    async with db.transaction() as tx:
        changed = await users.set_attribute(tx, made.id, name="tier", value=value, actor=OPERATOR, origin=ORIGIN)
        assert changed.attributes == {"kept": 1, "tier": value}
        removed = await users.set_attribute(tx, made.id, name="tier", value=None, actor=OPERATOR, origin=ORIGIN)
        assert removed.attributes == {"kept": 1}
    assert (await recorded(db, "user.updated"))[0]["details"] == {"changed": "attributes.tier"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"),
        ("1st", "x"),
        ("_x", "x"),
        ("a b", "x"),
        ("a.b", "x"),
        ("é", "x"),
        ("n" * 65, "x"),
        ("sub", "x"),
        ("roles", "admin"),
        ("permissions", "x"),
        ("email", "x"),
        ("act", "x"),
        ("tier", "x" * 1025),
        ("tier", "a\0b"),
        ("tier", "\ud800"),
        ("tier", float("nan")),
        ("tier", float("inf")),
    ],
)
async def test_an_attribute_that_could_be_no_claim_is_refused(
    steady_db: Database, users: Users, name: str, value: str | float
) -> None:
    made = await make(steady_db, users, f"{uuid4().hex}@example.com")
    async with steady_db.transaction() as tx:
        with pytest.raises(AttributeRefused):
            await users.set_attribute(tx, made.id, name=name, value=value, actor=OPERATOR, origin=ORIGIN)


async def test_a_user_has_so_many_attributes_and_no_more(db: Database, users: Users) -> None:
    made = await make(db, users, attributes={f"a{number}": "x" * 250 for number in range(MAX_ATTRIBUTES)})
    for name, value in (("one_more", "x"), ("a0", "x" * 1000)):
        async with db.transaction() as tx:
            with pytest.raises(AttributeRefused):
                await users.set_attribute(tx, made.id, name=name, value=value, actor=OPERATOR, origin=ORIGIN)
    with pytest.raises(AttributeRefused):
        await make(db, users, attributes={f"a{number}": 1 for number in range(MAX_ATTRIBUTES + 1)})


async def test_attributes_set_at_once_do_not_undo_each_other(db: Database, users: Users) -> None:
    made = await make(db, users)

    async def set_one(number: int) -> None:
        async with db.transaction() as tx:
            await users.set_attribute(tx, made.id, name=f"a{number}", value=number, actor=OPERATOR, origin=ORIGIN)

    await asyncio.gather(*(set_one(number) for number in range(10)))
    async with db.transaction() as tx:
        assert (await users.get(tx, made.id)).attributes == {f"a{number}": number for number in range(10)}


async def test_a_deleted_user_is_gone_and_the_address_is_free(db: Database, users: Users) -> None:
    made = await make(db, users)
    async with db.transaction() as tx:
        assert await users.delete(tx, made.id, actor=OPERATOR, origin=ORIGIN) == made
        assert await users.find(tx, made.id) is None
    (entry,) = await recorded(db, "user.deleted")
    assert entry["subject"] == made.sub
    assert (await make(db, users)).sub != made.sub


async def test_what_does_not_exist_cannot_be_changed(db: Database, users: Users) -> None:
    async with db.transaction() as tx:
        with pytest.raises(UserNotFound):
            await users.update_profile(tx, uuid4(), name="Ann", actor=OPERATOR, origin=ORIGIN)
        with pytest.raises(UserNotFound):
            await users.set_status(tx, uuid4(), UserStatus.SUSPENDED, actor=OPERATOR, origin=ORIGIN)
        with pytest.raises(UserNotFound):
            await users.set_attribute(tx, uuid4(), name="tier", value=1, actor=OPERATOR, origin=ORIGIN)
        with pytest.raises(UserNotFound):
            await users.note_changed_credentials(tx, uuid4())
        with pytest.raises(UserNotFound):
            await users.delete(tx, uuid4(), actor=OPERATOR, origin=ORIGIN)


async def test_users_are_listed_in_the_order_in_which_they_came(db: Database, users: Users) -> None:
    made = [await make(db, users, f"user{number}@example.com") for number in range(5)]
    async with db.transaction() as tx:
        first = await users.list(tx, limit=2)
        rest = await users.list(tx, limit=10, after=first[-1].id)
    assert {user.sub for user in (*first, *rest)} == {user.sub for user in made}
    assert [user.id for user in (*first, *rest)] == sorted(user.id for user in made)


async def test_a_prefix_finds_addresses_and_its_wildcards_are_letters(db: Database, users: Users) -> None:
    for email in ("ann@example.com", "anton@example.com", "a_b@example.com", "bob@example.com"):
        await make(db, users, email)
    async with db.transaction() as tx:
        assert {user.email for user in await users.list(tx, email_prefix="AN")} == {
            "ann@example.com",
            "anton@example.com",
        }
        assert [user.email for user in await users.list(tx, email_prefix="a_")] == ["a_b@example.com"]
        assert await users.list(tx, email_prefix="%") == ()
