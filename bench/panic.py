"""The panic switch, end to end: all of a user ended in one act, until three other services refuse every token.

    python -m bench.panic [--users N] [--sessions M]

Each of N users has M sessions. An administrator ends everything of one user after the other; each token is shown at
each of three services again and again until it is refused there. A delay is from sending the administrator's request.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from bench.apps import AUDIENCE
from bench.machines import register_client, run_command
from bench.measure import post_head
from bench.probing import PROMISED_SECONDS, Ended, Service, Wire, accept_all, probe, probe_of, refuse_all
from bench.processes import BenchError
from bench.revocation_delay import wait_for_refusals
from bench.service import Service as AuthService
from bench.service import application, backend, service

USERS, SESSIONS, SERVICES = 10, 20, 3
_ADMIN, _PASSWORD = "root@example.com", "correct horse battery staple of the bench"


def main() -> int:
    """Take the figures and print them; 1 where a token lived on too long."""
    parser = argparse.ArgumentParser(prog="python -m bench.panic", description=__doc__)
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="panic-")))
        base = stack.enter_context(backend(folder))
        auth = stack.enter_context(service(base, core=None))
        named = ("--name", "panic", "--audience", AUDIENCE, "--scope", "revocations:read")
        client_id, secret = register_client(auth, *named)
        env = {"AUTH_BASE_URL": auth.url, "AUTH_CLIENT_ID": client_id, "AUTH_CLIENT_SECRET": secret}
        apps = [
            stack.enter_context(application("bench.apps:guarded_with_identity", core=None, folder=folder, env=env))
            for _ in range(SERVICES)
        ]
        run_command(auth, "create-admin", "--email", _ADMIN, "--password-stdin", given=_PASSWORD)
        admin = auth.post("/auth/login", {"email": _ADMIN, "password": _PASSWORD})["access_token"]
        people = [_person(auth, f"panic{number}@example.com", options.sessions) for number in range(options.users)]
        return uvloop.run(_measure(auth, [Service(pid, port) for pid, port in apps], admin, people))


def _person(auth: AuthService, email: str, sessions: int) -> tuple[str, list[Ended]]:
    """A user's `sub`, and their sessions."""
    auth.sign_up(email)
    tokens = [str(auth.log_in(email, algorithm="RS256")["access_token"]) for _ in range(sessions)]
    payload = tokens[0].split(".")[1]
    sub = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]
    return sub, [Ended(probe_of(token)) for token in tokens]


async def _measure(
    auth: AuthService, services: list[Service], admin: str, people: list[tuple[str, list[Ended]]]
) -> int:
    every = [each for _, sessions in people for each in sessions]
    await accept_all(services, [each.request for each in every])
    took: list[float] = []
    async with asyncio.TaskGroup() as tasks:
        probing = [tasks.create_task(probe(each)) for each in services]
        wire = await Wire.open(auth.port)
        for sub, sessions in people:
            asked_at = time.monotonic()
            for each in sessions:
                each.asked_at = asked_at
                for one in services:
                    one.show(each, asked_at)
            status = await wire.ask(_request(sub, admin))
            if status != 200:
                raise BenchError(f"the panic switch was answered {status}: {wire.body[:300]!r}")
            told_at = time.monotonic()
            took.append(told_at - asked_at)
            for each in sessions:
                each.told_at = told_at
        wire.close()
        await wait_for_refusals(services, len(every))
        for task in probing:
            task.cancel()
    await refuse_all(services, [each.request for each in every])
    return _print(services, took, sessions=len(every), acts=len(people))


def _request(sub: str, admin: str) -> bytes:
    body = json.dumps({"reason": "measured by the bench"})
    head = post_head(f"/admin/users/{sub}/end-everything")
    return f"{head}authorization: Bearer {admin}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


def _print(services: list[Service], took: list[float], *, sessions: int, acts: int) -> int:
    delays = sorted(delay * 1000 for each in services for delay in each.delays)
    if not delays:
        raise BenchError("no token was refused")
    wrong = sum(each.accepted_late + each.accepted_again for each in services)
    missing = len(services) * sessions - len(delays)
    p99 = delays[int(len(delays) * 0.99)]
    print(
        f"{acts} users of {sessions // acts} sessions each, everything ended in one act for each: answered after "
        f"{sorted(took)[len(took) // 2] * 1000:.0f} ms (most {max(took) * 1000:.0f}); refused at {len(services)} "
        f"services after {delays[len(delays) // 2]:.0f} ms, p99 {p99:.0f} ms, most {delays[-1]:.0f} ms; accepted more "
        f"than {PROMISED_SECONDS:g} s after the answer, or again: {wrong}; never refused: {missing}"
    )
    return int(wrong > 0 or missing > 0 or p99 > PROMISED_SECONDS * 1000)


if __name__ == "__main__":
    sys.exit(main())
