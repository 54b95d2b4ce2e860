"""Argon2id in its bounded pool."""

import asyncio
import os
import threading
import time

import pytest

from app.factors.password.hashing import HashingBusy, HashingCost, PasswordHasher

pytestmark = pytest.mark.anyio

CHEAP = HashingCost(memory_kib=8, passes=1)


async def test_a_hash_is_a_standard_string_with_todays_parameters(hasher: PasswordHasher) -> None:
    first, second = await hasher.hash(b"some password"), await hasher.hash(b"some password")
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert await hasher.verify(first, b"some password")
    assert not await hasher.verify(first, b"another password")
    assert not hasher.needs_rehash(first)


async def test_a_hash_with_other_parameters_verifies_and_asks_to_be_made_anew(hasher: PasswordHasher) -> None:
    cheap = PasswordHasher(threads=1, queue=0, cost=CHEAP)
    old = await cheap.hash(b"some password")
    cheap.close()
    assert old.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert await hasher.verify(old, b"some password")
    assert hasher.needs_rehash(old)


@pytest.mark.parametrize(
    "stored", ["", "x", "$argon2id$", "$2b$12$" + "x" * 53, "$argon2id$v=19$m=19456,t=2,p=1$A$A", "$" * 200, "ünï"]
)
async def test_a_hash_that_cannot_be_read_is_of_no_password(hasher: PasswordHasher, stored: str) -> None:
    assert not await hasher.verify(stored, b"")


@pytest.mark.attack("PWD-01")
async def test_verifying_nothing_is_as_much_work_as_verifying(hasher: PasswordHasher) -> None:
    stored = await hasher.hash(b"some password")

    async def cpu_seconds(of_nothing: bool) -> float:
        started = time.process_time()
        right = await (hasher.verify_nothing() if of_nothing else hasher.verify(stored, b"wrong"))
        assert not right
        return time.process_time() - started

    # The smallest of several is what the work itself takes, whatever else the machine does.
    nothing = min([await cpu_seconds(True) for _ in range(15)])
    something = min([await cpu_seconds(False) for _ in range(15)])
    assert 0.8 < nothing / something < 1.25


@pytest.mark.attack("DOS-02")
@pytest.mark.fault("F23")
async def test_beyond_threads_and_queue_is_refused_at_once_and_the_rest_is_served() -> None:
    hasher = PasswordHasher(threads=2, queue=6)
    answers = await asyncio.gather(*(hasher.hash(b"some password") for _ in range(50)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, HashingBusy)]
    assert len(refused) == 42
    assert all(refusal.headers == {"Retry-After": "1"} and refusal.status == 503 for refusal in refused)
    assert sum(isinstance(answer, str) for answer in answers) == 8
    # Every place was given back.
    again = await asyncio.gather(*(hasher.hash(b"some password") for _ in range(8)))
    assert len(again) == 8
    hasher.close()


@pytest.mark.attack("DOS-02")
@pytest.mark.fault("F23")
async def test_the_event_loop_keeps_its_turn_while_the_queue_is_full() -> None:
    hasher = PasswordHasher(threads=1, queue=50)
    flood = asyncio.gather(*(hasher.hash(b"some password") for _ in range(50)))
    late = []
    while not flood.done():
        started = time.perf_counter()
        await asyncio.sleep(0.005)
        late.append(time.perf_counter() - started - 0.005)
    hasher.close()
    assert len(late) > 20
    # A machine with other work stalls now and then; a loop that waited for hashes would always be late.
    assert sorted(late)[len(late) // 2] < 0.05
    assert sorted(late)[int(len(late) * 0.9)] < 0.25


async def test_a_cancelled_waiter_gives_its_place_back() -> None:
    hasher = PasswordHasher(threads=1, queue=2)
    running, *waiting = [asyncio.ensure_future(hasher.hash(b"some password")) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(HashingBusy):
        await hasher.hash(b"some password")
    for waiter in waiting:
        waiter.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert all(waiter.cancelled() for waiter in waiting)
    assert await asyncio.gather(*(hasher.hash(b"some password") for _ in range(2)))
    assert (await running).startswith("$argon2id$")
    hasher.close()


async def test_work_under_way_keeps_its_place_when_its_caller_gives_up() -> None:
    hasher = PasswordHasher(threads=1, queue=0, cost=HashingCost(memory_kib=64 * 1024, passes=4))
    caller = asyncio.ensure_future(hasher.hash(b"some password"))
    await asyncio.sleep(0.01)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    with pytest.raises(HashingBusy):
        await hasher.hash(b"some password")
    hasher.close()


async def test_a_closed_pool_refuses(hasher: PasswordHasher) -> None:
    hasher.close()
    with pytest.raises(HashingBusy):
        await hasher.hash(b"some password")


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="niceness belongs to the process elsewhere")
async def test_hashing_threads_stand_behind_the_event_loop() -> None:
    hasher = PasswordHasher(threads=1, queue=0, cost=CHEAP)
    await hasher.hash(b"some password")
    (thread,) = [thread for thread in threading.enumerate() if thread.name.startswith("hashing")]
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert os.getpriority(os.PRIO_PROCESS, thread.native_id or 0) == min(own + 5, 19)
    hasher.close()
