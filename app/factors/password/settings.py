"""Settings of passwords: the section `PASSWORDS__…`."""

import os
import sys

from pydantic import BaseModel, ConfigDict, Field


class PasswordSettings(BaseModel):
    """What a password must be like, and how many are hashed at once."""

    model_config = ConfigDict(frozen=True)

    min_length: int = Field(
        default=8,
        ge=8,
        le=64,
        description=(
            "The fewest characters a new password may have. Below 15, which is NIST's rule where a password is the "
            "only factor, a password must also be hard to guess."
        ),
    )
    hash_threads: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Passwords hashed at the same time, 19 MiB each. Left out: one less than the CPUs, at least one.",
    )
    hash_queue: int = Field(
        default=32,
        ge=0,
        le=10_000,
        description="Passwords that may wait for a thread; beyond it requests are answered 503 with Retry-After.",
    )

    @property
    def threads(self) -> int:
        """How many threads hash, with the default that leaves the event loop a CPU."""
        return self.hash_threads or max(1, _cpus() - 1)


def _cpus() -> int:
    """The CPUs that this process may use, which containers and `taskset` limit."""
    if sys.platform != "linux":
        return os.cpu_count() or 1
    return len(os.sched_getaffinity(0))
