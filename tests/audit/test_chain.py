"""What the hash of an entry covers."""

import hashlib
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from app.audit.chain import ERASED, GENESIS, Content, Link, chain_on, content_digest, fault

ENTRY = Content(
    id=UUID("019a9d5e-7c00-7000-8000-000000000001"),
    at=datetime(2026, 11, 21, 12, 0, 0, 123_456, UTC),
    type="login.failed",
    outcome="refused",
    actor_kind="anonymous",
    actor_id=None,
    subject="s",
    trace_id="0" * 32,
    ip="192.0.2.7",
    user_agent="Mozilla/5.0",
    details={"reason": "unknown_user", "tries": 3},
)
SALT = bytes(range(16))


def linked(entry: Content = ENTRY, *, number: int = 1, previous: bytes = GENESIS) -> Link:
    return chain_on(entry, number=number, previous=previous, salt=SALT)


def test_an_entry_that_was_left_alone_has_no_fault() -> None:
    first = linked()
    second = linked(number=2, previous=first.hash)
    assert fault(ENTRY, first, GENESIS) is None
    assert fault(ENTRY, second, first.hash) is None


@pytest.mark.parametrize("name", [item.name for item in fields(Content)])
def test_a_change_of_any_field_is_found(name: str) -> None:
    others = {
        "id": UUID(int=ENTRY.id.int + 1),
        "at": ENTRY.at + timedelta(microseconds=1),
        "actor_id": "root",
        "subject": None,
        "ip": None,
        "details": {"reason": "unknown_user", "tries": 4},
    }
    changed = replace(ENTRY, **{name: others.get(name, "other")})
    assert fault(changed, linked(), GENESIS) is not None


@pytest.mark.parametrize(
    "change",
    [{"number": 2}, {"hash": bytes(32)}, {"personal_digest": bytes(32)}, {"personal_salt": bytes(16)}],
    ids=lambda change: next(iter(change)),
)
def test_a_change_of_the_link_is_found(change: dict[str, object]) -> None:
    assert fault(ENTRY, replace(linked(), **change), GENESIS) is not None


def test_an_entry_that_follows_another_than_the_one_before_it_is_found() -> None:
    assert fault(ENTRY, linked(number=2, previous=bytes([1]) * 32), GENESIS) is not None


def test_an_erased_person_leaves_an_entry_that_still_verifies() -> None:
    erased = replace(ENTRY, **{name: value for name, value in ERASED.items() if name != "personal_salt"})
    link = replace(linked(), personal_salt=None)
    assert fault(erased, link, GENESIS) is None
    for left in ({"ip": "198.51.100.1"}, {"user_agent": "other"}, {"details": {"reason": "forged"}}):
        assert fault(replace(erased, **left), link, GENESIS) is not None
    assert fault(replace(erased, subject="other"), link, GENESIS) is not None


def test_equal_personal_fields_of_two_entries_have_different_digests() -> None:
    one = chain_on(ENTRY, number=1, previous=GENESIS, salt=SALT)
    two = chain_on(ENTRY, number=1, previous=GENESIS, salt=bytes(16))
    assert one.personal_digest != two.personal_digest


def test_the_time_zone_in_which_the_moment_is_told_does_not_matter() -> None:
    elsewhere = replace(ENTRY, at=ENTRY.at.astimezone(timezone(timedelta(hours=5, minutes=30))))
    assert content_digest(elsewhere) == content_digest(ENTRY)


def test_the_form_that_is_hashed_never_changes() -> None:
    """Entries are verified for years: who changes the form breaks every chain there is."""
    content = hashlib.sha256(
        b"audit content 1\n"
        b'["019a9d5e-7c00-7000-8000-000000000001","2026-11-21T12:00:00.123456+00:00","login.failed","refused",'
        b'"anonymous",null,"s","00000000000000000000000000000000"]'
    ).digest()
    personal = hashlib.sha256(
        b"audit personal 1\n" + SALT + b'["192.0.2.7","Mozilla/5.0",{"reason":"unknown_user","tries":3}]'
    ).digest()
    own = hashlib.sha256(b"audit link 1\n" + (7).to_bytes(8, "big") + bytes(32) + content + personal).digest()
    assert linked(number=7) == Link(number=7, hash=own, personal_salt=SALT, personal_digest=personal)
