"""The floor of a sign-in: bare Argon2id, verified by libsodium as fast as one thread can.

A process of its own; each line of its input is a number of seconds, each line of its output what it did in them.
"""

import json
import sys
import time

from nacl.pwhash import argon2id

from app.factors.password.hashing import HashingCost


def main() -> None:
    """Verify the same password again and again, with the service's parameters."""
    cost, password = HashingCost(), b"correct horse battery staple"
    stored = argon2id.str(password, opslimit=cost.passes, memlimit=cost.memory_kib * 1024)
    for line in sys.stdin:
        seconds, count = float(line), 0
        started, cpu = time.perf_counter(), time.process_time()
        while time.perf_counter() - started < seconds:
            argon2id.verify(stored, password)
            count += 1
        elapsed, used = time.perf_counter() - started, time.process_time() - cpu
        print(json.dumps({"requests": count, "seconds": elapsed, "cpu_seconds": used}), flush=True)


if __name__ == "__main__":
    main()
