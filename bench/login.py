"""Signing in: how near the whole of it comes to the password hash, which has to cost what it costs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.measure import Comparison, Group, HTTPCase, Round, post_request, take_turns
from bench.processes import SERVER_CORE, Process, environment, python
from bench.run import Run
from bench.service import login_body, service

_USERS = 20
_BARE = "bare Argon2id, libsodium"


def measure(run: Run) -> list[Group]:
    """The figures of this group."""
    with service(run.backend, core=SERVER_CORE) as auth, _bare_hashing(run) as bare:
        users = [f"person{number}@example.com" for number in range(_USERS)]
        for email in users:
            auth.sign_up(email)
        cases: list[HTTPCase] = []
        for algorithm in ("ES256", "RS256"):
            requests = [post_request("/auth/login", login_body(email, algorithm=algorithm)) for email in users]
            run.load.define(f"login {algorithm}", "rotation", requests=requests)
            cases.append(
                HTTPCase(
                    name=f"login, {algorithm}",
                    load=run.load,
                    traffic=f"login {algorithm}",
                    pid=auth.pid,
                    port=auth.port,
                    beside=run.backend.postgres_pid,
                )
            )
        rounds = take_turns([bare, *cases], rounds=run.rounds, seconds=run.seconds)
    comparisons = [
        Comparison(case="login, ES256", reference=_BARE, at_least=0.80),
        Comparison(case="login, RS256", reference=_BARE),
    ]
    return [Group(title="Password login", rounds=rounds, comparisons=comparisons)]


@dataclass(frozen=True, slots=True)
class _BareHashing:
    process: Process
    name: str = _BARE

    def shoot(self, seconds: float) -> Round:
        return Round(**json.loads(self.process.ask(str(seconds))))


@contextmanager
def _bare_hashing(run: Run) -> Iterator[_BareHashing]:
    command = python("-m", "bench.hashing")
    process = Process(command, core=SERVER_CORE, folder=run.folder, env=environment(), talks=True)
    try:
        yield _BareHashing(process)
    finally:
        process.stop()
