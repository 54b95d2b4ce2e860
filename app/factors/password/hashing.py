"""Argon2id in a bounded pool of threads, so that a flood of logins never stalls the event loop."""

import asyncio
import errno
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from nacl._sodium import ffi
from nacl.exceptions import InvalidkeyError
from nacl.exceptions import RuntimeError as HashingFailed
from nacl.pwhash import argon2id

from app.factors.password import foreign
from app.foundation.errors import Unavailable
from app.foundation.metrics import Counter, Gauge, Histogram

_Result = TypeVar("_Result")

# How far the threads stand behind the event loop for a CPU: on a single one it still gets three quarters when it asks.
_NICENESS = 5
_LOWEST = 19

_TAKEN = Gauge("hashing_places_taken", "Passwords being hashed or waiting for it.", unit="passwords", across="sum")
_PLACES = Gauge("hashing_places", "Passwords that may be hashed or wait for it.", unit="passwords", across="sum")
_WAIT = Histogram("hashing_wait_seconds", "How long a password waited for a thread.")
_REJECTED = Counter("hashing_rejections", "Passwords for which there was no place.", unit="passwords")


class HashingBusy(Unavailable):
    """More passwords are waiting to be hashed than we let wait, or there is no memory to hash one in."""

    code, title = "hashing_busy", "Too many sign-ins at this moment"


@dataclass(frozen=True, slots=True, kw_only=True)
class HashingCost:
    """Argon2id's parameters, with one lane. The default is OWASP's for this algorithm."""

    memory_kib: int = 19 * 1024
    passes: int = 2

    @property
    def prefix(self) -> str:
        """How every hash of this cost begins. Spec: PHC string format."""
        return f"$argon2id$v=19$m={self.memory_kib},t={self.passes},p=1$"


class PasswordHasher:
    """Hashes and verifies in `threads` threads; at most `queue` more wait, beyond them HashingBusy is raised.

    A waiter that is cancelled, for example because its client hung up, gives its place back.
    """

    def __init__(self, *, threads: int, queue: int, cost: HashingCost | None = None) -> None:
        self._cost = cost or HashingCost()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="hashing", initializer=_stand_back)
        self._places = threading.BoundedSemaphore(threads + queue)
        _PLACES.set(threads + queue)
        # A hash that no password is known for: verifying against it is the same work as against a real one.
        self._nobody = f"{self._cost.prefix}{'A' * 22}${'A' * 43}"

    async def hash(self, password: bytes) -> str:
        """The PHC string of a password, with a fresh salt. Raises HashingBusy."""
        return await self._run(lambda: self._hash(password))

    async def verify(self, password_hash: str, password: bytes) -> bool:
        """Whether the hash is of that password; False also for a hash that cannot be read. Raises HashingBusy."""
        return await self._run(lambda: _verify(password_hash, password))

    async def verify_foreign(self, password_hash: str, raw_password: str) -> bool:
        """The same for a hash that may be another system's (`app.factors.password.foreign`). Raises HashingBusy."""
        return await self._run(lambda: foreign.verify(password_hash, raw_password))

    async def verify_nothing(self) -> bool:
        """Do the work of a verification and return False: for unknown accounts. Raises HashingBusy."""
        await self._run(lambda: _verify(self._nobody, b""))
        return False

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return not password_hash.startswith(self._cost.prefix)

    def close(self) -> None:
        """Let running hashes end and drop those that wait."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _hash(self, password: bytes) -> str:
        ffi.errno = 0
        try:
            return argon2id.str(password, opslimit=self._cost.passes, memlimit=self._cost.memory_kib * 1024).decode()
        except HashingFailed:
            _refuse_without_memory()
            raise

    async def _run(self, work: Callable[[], _Result]) -> _Result:
        if not self._places.acquire(blocking=False):
            _REJECTED.add()
            raise HashingBusy("Try again in a moment.", detail="the queue for hashing passwords is full")
        try:
            future = self._pool.submit(_timed, work, time.perf_counter())
        except RuntimeError as error:
            self._places.release()
            raise HashingBusy("Try again in a moment.", detail="this process is stopping") from error
        # Called once, whether the work ended or was cancelled while it waited; work under way keeps its place.
        _TAKEN.move(1)
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _: Future[_Result]) -> None:
        _TAKEN.move(-1)
        self._places.release()


def _timed(work: Callable[[], _Result], asked_at: float) -> _Result:
    """Do the work in a thread, and count how long it waited for one."""
    _WAIT.observe(time.perf_counter() - asked_at)
    try:
        return work()
    except MemoryError as error:
        raise HashingBusy("Try again in a moment.", detail="no memory to hash a password in") from error


def _verify(password_hash: str, password: bytes) -> bool:
    ffi.errno = 0
    try:
        return argon2id.verify(password_hash.encode(), password)
    except (InvalidkeyError, ValueError):
        _refuse_without_memory()
        return False


def _refuse_without_memory() -> None:
    """Raise MemoryError where the library's call failed for want of it.

    The library says "wrong password" of that too: an honest user would be refused, and the failure counted against
    them. What the C function left in `errno`, which each thread has its own of, tells one from the other.
    """
    if ffi.errno == errno.ENOMEM:
        raise MemoryError


def _stand_back() -> None:
    """Lower the priority of the thread that calls this: on Linux niceness belongs to the thread."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        niceness = os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS
        os.setpriority(os.PRIO_PROCESS, thread, min(niceness, _LOWEST))
