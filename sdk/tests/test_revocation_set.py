"""The set in memory: what it matches, what it forgets, and how little it takes."""

import random

import pytest

from auth_service_sdk.bloom import FadingFilter
from auth_service_sdk.feed_clock import ClockOff, FeedClock
from auth_service_sdk.revocations import ALWAYS, EARLIER, Entry, RevocationSet, Verdict

NOW = 1_800_000_000
CLAIMS = {"sub": "u", "aud": "orders-api", "iat": NOW, "client_id": "c", "sid": "s", "jti": "j", "grant_id": "g"}
NAMES = {**CLAIMS, "kid": "k"}


def verdict(entries, *, claims=CLAIMS, since=0, **options):
    held = RevocationSet(**options)
    held.add(entries, version=1, now=NOW)
    return held.check(claims, "k", since=since)


@pytest.mark.parametrize("kind", [kind for kind in ALWAYS if kind != "api_key"])
def test_some_kinds_match_always(kind):
    assert verdict([Entry(kind, NAMES[kind], NOW - 99, NOW + 99)]) is Verdict.REVOKED
    assert verdict([Entry(kind, "another", NOW - 99, NOW + 99)]) is Verdict.CLEAR


@pytest.mark.parametrize("kind", EARLIER)
def test_others_match_what_was_issued_before_their_moment(kind):
    assert verdict([Entry(kind, NAMES[kind], NOW + 1, NOW + 99)]) is Verdict.REVOKED
    assert verdict([Entry(kind, NAMES[kind], NOW, NOW + 99)]) is Verdict.CLEAR
    later = [Entry(kind, NAMES[kind], NOW + 1, NOW + 99), Entry(kind, NAMES[kind], NOW - 5, NOW + 99)]
    assert verdict(later) is Verdict.REVOKED


def test_a_name_of_one_kind_is_not_one_of_another_and_each_audience_counts():
    assert verdict([Entry("sid", "j", NOW, NOW + 99), Entry("jti", "s", NOW, NOW + 99)]) is Verdict.CLEAR
    several = CLAIMS | {"aud": ("billing-api", "orders-api")}
    assert verdict([Entry("aud", "billing-api", NOW + 1, NOW + 99)], claims=several) is Verdict.REVOKED
    alone = {"sub": "c", "client_id": "c", "aud": "orders-api", "iat": NOW}
    assert verdict([Entry("sid", "s", NOW, NOW + 99)], claims=alone) is Verdict.CLEAR


def test_what_can_match_nothing_any_more_is_forgotten():
    held = RevocationSet()
    kinds = (*ALWAYS, *EARLIER)
    held.add([Entry(kind, f"n-{n}", NOW, NOW + 10) for kind in kinds for n in range(100)], version=1, now=NOW)
    assert len(held) == 800
    held.add([Entry("sid", "s", NOW, NOW + 999)], version=2, now=NOW + 70)
    assert len(held) == 1


def test_beyond_its_limit_the_set_is_unsure_rather_than_wrong_and_stays_small():
    held = RevocationSet(exact_entries=2048)
    count = 100_000
    for start in range(0, count, 500):
        entries = [Entry("sid", f"s-{n}", NOW, NOW + 3600) for n in range(start, start + 500)]
        held.add(entries, version=start + 1, now=NOW)
    assert len(held) == count
    assert held.size_bytes < 3_000_000
    sids = [*range(0, count, 97), count - 1]
    assert Verdict.CLEAR not in {held.check(CLAIMS | {"sid": f"s-{n}"}, "k", since=0) for n in sids}
    assert held.check(CLAIMS | {"sid": f"s-{count - 1}"}, "k", since=0) is Verdict.REVOKED
    wrong = sum(held.check(CLAIMS | {"sid": f"x-{n}"}, "k", since=0) is Verdict.UNSURE for n in range(5000))
    assert wrong < 50
    # What was found clear is not looked up in the filter again until that changes.
    assert held.check(CLAIMS | {"sid": "s-0"}, "k", since=held.filter_version) is Verdict.CLEAR
    held.forget(NOW + 3700)
    assert len(held) == 0
    assert held.size_bytes < 200_000


def test_beyond_the_filter_s_limit_nothing_is_certain():
    held = RevocationSet(exact_entries=1000, max_entries=1000)
    for start in range(0, 5000, 500):
        held.add([Entry("sid", f"s-{n}", NOW, NOW + 3600) for n in range(start, start + 500)], version=1, now=NOW)
    assert held.check(CLAIMS | {"sid": "x"}, "k", since=0) is Verdict.UNSURE


def test_signing_keys_never_leave_the_exact_part():
    held = RevocationSet(exact_entries=10)
    held.add([Entry("kid", "k", NOW, NOW + 3600)], version=1, now=NOW)
    held.add([Entry("sid", f"s-{n}", NOW, NOW + 3600) for n in range(5000)], version=2, now=NOW)
    assert held.names_key("k")
    assert held.check(CLAIMS, "k", since=99) is Verdict.REVOKED


def test_an_api_key_that_is_named_is_asked_for_again_and_then_known_once_more():
    held = RevocationSet()
    key = {"jti": "a", "sub": "u", "aud": "orders-api"}
    held.add([Entry("api_key", "a", NOW, NOW + 360)], version=7, now=NOW)
    assert held.check_key(key, NOW, since=6) is Verdict.UNSURE
    assert held.check_key(key, NOW, since=7) is Verdict.CLEAR
    held.add([Entry("sub", "u", NOW + 1, NOW + 360)], version=8, now=NOW)
    assert held.check_key(key, NOW, since=8) is Verdict.UNSURE
    assert held.check_key(key, NOW + 1, since=8) is Verdict.CLEAR


def test_a_filter_never_loses_what_it_holds_and_forgets_by_the_quarter_hour():
    held, numbers = FadingFilter(), random.Random(1)
    names = {f"n-{n}": NOW + numbers.randrange(1, 9000) for n in range(20_000)}
    for name, expires in names.items():
        held.add(name, expires, NOW)
    for now in (NOW, NOW + 2000, NOW + 5000):
        held.forget(now)
        assert all(held.may_hold(name) for name, expires in names.items() if expires > now)
    held.forget(NOW + 10_000)
    assert (held.count, held.size_bytes) == (0, 0)


def test_news_that_come_late_are_old_news_whatever_the_wall_clock_says():
    clock = FeedClock()
    # This host is 20 s behind the service: all the same the quickest batch is taken for young.
    assert clock.note(NOW, now=100.0, wall=NOW - 20) == 100.0
    assert clock.note(NOW + 1, now=104.0, wall=NOW - 16) == 101.0
    # Times that stand still grow old, also over the windows by which clocks are compared.
    for passed in range(5, 2000):
        known_at = clock.note(NOW + 1, now=100.0 + passed, wall=NOW - 20 + passed)
        assert 100.0 + passed - known_at == passed - 1


def test_a_clock_that_steps_is_noticed_and_its_step_back_heals():
    clock = FeedClock()
    clock.note(NOW, now=0.0, wall=NOW)
    with pytest.raises(ClockOff, match="300 s ahead of"):
        clock.note(NOW + 1, now=1.0, wall=NOW + 301)
    assert clock.note(NOW + 2, now=2.0, wall=NOW + 2) == 2.0
    with pytest.raises(ClockOff, match="100 s behind"):
        clock.note(NOW + 103, now=3.0, wall=NOW + 3)
    assert clock.note(NOW + 4, now=4.0, wall=NOW + 4) == 4.0
