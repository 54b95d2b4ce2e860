"""Importing users: what becomes of each line, of a stream that breaks off, and of one that comes twice."""

import base64
import hashlib
from uuid import UUID, uuid4

import bcrypt
import httpx2
import pytest
from sqlalchemy import text

from app.roles.change import By as RightsBy
from app.roles.rules import ADMIN_PERMISSIONS
from app.transfer.errors import ImportDiffers, ImportNotFound
from app.transfer.imports import BATCH_LINES, By
from app.transfer.line import MAX_LINE_BYTES
from app.transfer.progress import Progress
from app.wiring import Services
from tests.support import PASSWORD, Events, People, problem
from tests.transfer.support import ACTING, lines_of, ndjson

pytestmark = pytest.mark.anyio


async def run(services: Services, content: bytes, import_id: UUID | None = None) -> Progress:
    return await services.user_imports.run(lines_of(content), by=ACTING, import_id=import_id)


async def faults(services: Services, done: Progress) -> list[tuple[int, str]]:
    return [(line, code) for line, code, _ in await services.user_imports.refusals(done.id, limit=200)]


def pbkdf2(password: str) -> str:
    def words(content: bytes) -> str:
        return base64.b64encode(content).decode().rstrip("=")

    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt of sixteen!", 1000, 64)
    return f"$pbkdf2-sha256$i=1000,l=64${words(b'salt of sixteen!')}${words(digest)}"


async def test_imported_user_keeps_everything_that_came_along(services: Services, events: Events):
    line = {
        "sub": "8d1d2a1e-legacy",
        "email": "Ada@Example.com",
        "email_verified": True,
        "name": "Ada Lovelace",
        "locale": "de",
        "attributes": {"tier": "gold", "seats": 3},
        "required_acr": "aal2",
        "created_at": "2020-02-03T04:05:06Z",
        "roles": [{"role": "admin", "audience": "orders-api"}],
    }
    done = await run(services, ndjson(line))
    assert (done.imported, done.present, done.failed, done.position) == (1, 0, 0, 1)
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, "ada@example.com")
        assert user is not None
        roles = await services.role_assignments.list_of(tx, user.id)
    assert (user.sub, user.email, user.name, user.locale) == (
        "8d1d2a1e-legacy",
        "Ada@Example.com",
        "Ada Lovelace",
        "de",
    )
    assert user.is_verified
    assert user.attributes == {"tier": "gold", "seats": 3}
    assert user.required_acr == "aal2"
    assert user.created_at.isoformat() == "2020-02-03T04:05:06+00:00"
    assert [(role.role, role.audience) for role in roles] == [("admin", "orders-api")]
    assert [entry["subject"] for entry in await events.of("user.created", "role.assigned")] == [user.sub, user.sub]
    [summary] = await events.of("users.imported")
    assert summary["details"] == {"import_id": str(done.id), "imported": 1, "present": 0, "failed": 0}


@pytest.mark.parametrize("hashed", [pbkdf2, lambda word: bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode()])
async def test_imported_hash_opens_the_account_once_and_becomes_one_of_ours(
    services: Services, people: People, api: httpx2.AsyncClient, hashed
):
    await run(services, ndjson({"email": "ann@example.com", "email_verified": True, "password_hash": hashed(PASSWORD)}))
    wrong = await api.post("/auth/login", json={"email": "ann@example.com", "password": PASSWORD + "!"})
    problem(wrong, 401, "invalid_credentials")
    await people.log_in()
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, "ann@example.com")
        assert user is not None
        stored = await services.passwords.stored(tx, user.id)
    assert stored is not None
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await people.log_in()


async def test_broken_lines_are_reported_and_all_others_are_imported(services: Services):
    count = BATCH_LINES + 300
    lines: list[dict[str, object] | str] = [{"email": f"user{n}@example.com"} for n in range(1, count + 1)]
    for n in range(100, count + 1, 100):
        lines[n - 1] = '{"email": "broken'
    done = await run(services, ndjson(*lines))
    assert (done.imported, done.failed, done.position) == (count - 8, 8, count)
    assert await faults(services, done) == [(n, "invalid_json") for n in range(100, count + 1, 100)]


async def test_each_fault_of_a_line_has_its_code_and_none_quotes_the_line(services: Services):
    secret = "a-value-that-nobody-may-read"
    lines: list[dict[str, object] | str] = [
        {"email": "not an address " + secret},
        {"email": "a@example.com", "is_admin": True},
        {"email": "b@example.com", "password_hash": secret},
        {"email": "c@example.com", "password_hash": "$argon2id$v=19$m=9999999,t=3,p=1$c2FsdHNhbHQ$" + "A" * 43},
        {"email": "d@example.com", "attributes": {"sub": secret}},
        {"email": "e@example.com", "roles": [{"role": "nobody-has-it"}]},
        {"email": "f@example.com", "roles": [{"role": "admin", "audience": "nowhere"}]},
        {"email": "g@example.com", "groups": ["nowhere"]},
        {"email": "h@example.com", "created_at": "2999-01-01T00:00:00Z"},
        {"email": "i@example.com", "email_verified": "yes"},
        '{"email": "j@example.com", "email": "k@example.com"}',
        "[]",
        {"email": "l@example.com", "name": secret * 3000},
        {"email": "fine@example.com"},
    ]
    done = await run(services, ndjson(*lines))
    assert done.imported == 1
    assert await faults(services, done) == [
        (1, "invalid_email"),
        (2, "validation_failed"),
        (3, "invalid_password_hash"),
        (4, "invalid_password_hash"),
        (5, "invalid_attribute"),
        (6, "role_not_found"),
        (7, "audience_not_found"),
        (8, "group_not_found"),
        (9, "validation_failed"),
        (10, "validation_failed"),
        (11, "invalid_json"),
        (12, "validation_failed"),
        (13, "line_too_long"),
    ]
    assert all(secret not in words for _, _, words in await services.user_imports.refusals(done.id, limit=200))


@pytest.mark.attack("ADM-04")
@pytest.mark.parametrize(("may_give", "refused"), [(None, [1, 2, 3]), (frozenset(), [1, 3]), (ADMIN_PERMISSIONS, [])])
async def test_rights_are_given_by_whoever_holds_them_alone(services: Services, may_give, refused):
    rights = RightsBy(actor=ACTING.actor, origin=ACTING.origin)
    async with services.db.transaction() as tx:
        group = await services.groups.create(tx, "staff", by=rights)
        await services.groups.assign_role(tx, group.id, role="admin", audience=None, by=rights)
    by = By(actor=ACTING.actor, origin=ACTING.origin, may_give=may_give)
    content = ndjson(
        {"email": "a@example.com", "roles": [{"role": "admin"}]},
        {"email": "b@example.com", "roles": [{"role": "admin", "audience": "orders-api"}]},
        {"email": "c@example.com", "groups": ["staff"]},
        {"email": "d@example.com"},
    )
    done = await services.user_imports.run(lines_of(content), by=by)
    assert done.imported == 4 - len(refused)
    assert await faults(services, done) == [(line, "right_not_held") for line in refused]


async def test_the_same_lines_again_change_nothing(services: Services, events: Events):
    content = ndjson({"sub": "one", "email": "a@example.com"}, {"email": "b@example.com"})
    await run(services, content)
    again = await run(services, content)
    assert (again.imported, again.present, again.failed) == (0, 2, 0)
    assert len(await events.of("user.created")) == 2


async def test_lines_that_contradict_who_is_there_are_refused(services: Services):
    await run(services, ndjson({"sub": "one", "email": "a@example.com"}))
    done = await run(
        services,
        ndjson(
            {"sub": "two", "email": "A@Example.com"},
            {"sub": "three", "email": "b@example.com"},
            {"sub": "four", "email": "b@example.com"},
            {"sub": "three", "email": "c@example.com"},
        ),
    )
    assert (done.imported, done.present) == (1, 1)
    assert await faults(services, done) == [(1, "email_taken"), (3, "email_taken")]


async def test_subject_of_a_deleted_user_is_never_used_again(services: Services):
    await run(services, ndjson({"sub": "one", "email": "a@example.com"}))
    async with services.db.transaction() as tx:
        user = await services.users.find_by_sub(tx, "one")
    assert user is not None
    await services.lifecycle.delete(user.id, actor=ACTING.actor, origin=ACTING.origin)
    done = await run(services, ndjson({"sub": "one", "email": "b@example.com"}))
    assert await faults(services, done) == [(1, "sub_used")]


async def test_import_that_broke_off_goes_on_where_it_stopped(services: Services):
    content = ndjson(*({"email": f"user{n}@example.com"} for n in range(BATCH_LINES * 2 + 10)))
    import_id = uuid4()

    async def cut_off():
        count = 0
        async for line in lines_of(content):
            count += 1
            if count > BATCH_LINES + 50:
                raise ConnectionError
            yield line

    with pytest.raises(ConnectionError):
        await services.user_imports.run(cut_off(), by=ACTING, import_id=import_id)
    stopped = await services.user_imports.show(import_id)
    assert (stopped.position, stopped.finished_at) == (BATCH_LINES, None)
    done = await run(services, content, import_id)
    assert (done.imported, done.present, done.position) == (BATCH_LINES * 2 + 10, 0, BATCH_LINES * 2 + 10)
    assert done.finished_at is not None
    # Nothing is done twice by sending it all once more.
    assert await run(services, content, import_id) == done


async def test_import_does_not_go_on_with_another_stream(services: Services):
    import_id = uuid4()
    content = ndjson(*({"email": f"user{n}@example.com"} for n in range(BATCH_LINES)))
    await run(services, content, import_id)
    with pytest.raises(ImportDiffers):
        await run(services, content.replace(b"user7@", b"other@"), import_id)
    with pytest.raises(ImportDiffers):
        await run(services, content[:1000], import_id)


async def test_nobody_has_an_import_that_was_never_begun(services: Services):
    with pytest.raises(ImportNotFound):
        await services.user_imports.refusals(uuid4(), limit=10)


async def test_line_of_the_greatest_length_is_read_and_a_longer_one_is_not(services: Services):
    def line(size: int) -> bytes:
        head = b'{"email": "a@example.com"'
        return head + b" " * (size - len(head) - 1) + b"}\n"

    done = await services.user_imports.run(
        lines_of(line(MAX_LINE_BYTES) + line(MAX_LINE_BYTES + 1) + line(40), size=1000), by=ACTING
    )
    assert (done.imported, done.present) == (1, 1)
    assert await faults(services, done) == [(2, "line_too_long")]


async def test_what_an_export_writes_an_import_reads(services: Services, people: People):
    hashed = pbkdf2(PASSWORD)
    await run(services, ndjson({"sub": "one", "email": "a@example.com", "name": "Ada", "password_hash": hashed}))
    await run(services, ndjson({"sub": "two", "email": "b@example.com", "roles": [{"role": "admin"}]}))
    plain = b"".join(
        [
            piece
            async for piece in await services.user_export.begin(
                with_hashes=False, actor=ACTING.actor, origin=ACTING.origin
            )
        ]
    )
    assert hashed.encode() not in plain
    whole = b"".join(
        [
            piece
            async for piece in await services.user_export.begin(
                with_hashes=True, actor=ACTING.actor, origin=ACTING.origin
            )
        ]
    )
    assert hashed.encode() in whole
    async with services.db.transaction() as tx:
        await tx.execute(text("TRUNCATE users, password_credentials, role_assignments"))
    assert (await run(services, whole)).imported == 2
    again = b"".join(
        [
            piece
            async for piece in await services.user_export.begin(
                with_hashes=True, actor=ACTING.actor, origin=ACTING.origin
            )
        ]
    )
    assert again == whole
