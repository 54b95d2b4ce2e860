"""The detector of blocking calls finds what would hold up the event loop, and nothing else."""

import io
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from blockbuster import BlockingError
from nacl.pwhash import argon2id

from app.factors.password.hashing import PasswordHasher
from app.foundation.draining import Drain
from app.foundation.health import Check, Health
from app.signing_keys import material
from tests.blocking import Detector

pytestmark = pytest.mark.anyio

SEEDED: dict[str, Callable[[], object]] = {
    "sleep": lambda: time.sleep(0),
    "stat": lambda: Path("/").stat(),
    "file": lambda: Path(__file__).read_bytes(),
    "name": lambda: socket.getaddrinfo("localhost", 80),
    "password hash": lambda: argon2id.str(b"some password", opslimit=1, memlimit=8192),
    "key": lambda: material.generate_rsa(65537, 2048),
}


@pytest.mark.parametrize("call", SEEDED.values(), ids=SEEDED)
async def test_a_blocking_call_of_the_service_is_found(call: Callable[[], object]) -> None:
    async def look() -> str | None:
        call()
        return None

    detector, health = Detector(), Health([Check("seeded", look)], Drain())
    with detector.watching(), pytest.raises(BlockingError):
        await health.report()
    assert len(detector.hits) == 1
    assert "test_blocking.py" in detector.hits[0]


async def test_what_a_thread_does_is_no_hit() -> None:
    hasher = PasswordHasher(threads=1, queue=1)
    detector = Detector()
    with detector.watching():
        stored = await hasher.hash(b"some password")
        assert await hasher.verify(stored, b"some password")
    hasher.close()
    assert detector.hits == []


async def test_what_a_test_does_is_no_hit_and_after_it_all_is_as_before() -> None:
    opened, slept = io.open, time.sleep
    detector = Detector()
    with detector.watching():
        assert io.open is not opened
        Path(__file__).read_bytes()
    assert (io.open, time.sleep) == (opened, slept)
    assert detector.hits == []
