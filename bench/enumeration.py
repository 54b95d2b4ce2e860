"""Whether the time of an answer tells of an account: existing and unknown ones, tried in turns."""

import math
import random
import statistics
import time
from collections.abc import Callable
from functools import partial

import httpx2

from bench.processes import SERVER_CORE, BenchError
from bench.report import plain_table, verdict
from bench.run import Run
from bench.service import Service, service

_TRIES, _QUICK_TRIES = 2000, 100
_USERS = 20
_KNOWN = tuple(f"known{number}@example.com" for number in range(_USERS))
_STANDARD_ERRORS = 3

Request = Callable[[httpx2.Client, str], None]


def measure(run: Run) -> tuple[str, dict[str, object]]:
    """A table, and the same for programs."""
    tries = _QUICK_TRIES if run.quick else _TRIES
    rows: list[tuple[str, ...]] = []
    found: dict[str, object] = {}
    with service(run.backend, core=SERVER_CORE) as auth:
        for email in _KNOWN:
            auth.sign_up(email)
        for name, request in _REQUESTS.items():
            known, unknown = _take_turns(auth, tries // 2, request)
            longer = _chance_of_longer(known, unknown)
            allowed = most_bias(len(known), len(unknown))
            medians = [statistics.median(times) * 1000 for times in (known, unknown)]
            rows.append(
                (
                    f"{name}, {tries} tries",
                    f"{medians[0]:.2f} ms",
                    f"{medians[1]:.2f} ms",
                    f"{medians[1] - medians[0]:+.2f} ms",
                    f"{longer:.3f}",
                    f"0.5 ± {allowed:.3f}",
                    verdict(met=abs(longer - 0.5) <= allowed),
                )
            )
            found[name] = {"tries": tries, "known_ms": medians[0], "unknown_ms": medians[1], "longer": longer}
    head = ("request", "existing, median", "unknown, median", "difference", "unknown takes longer", "goal", "")
    note = (
        '"Unknown takes longer" is the chance that a try at an unknown account takes longer than one at an existing '
        "one (Mann and Whitney); within three standard errors of one half the times tell nothing."
    )
    return plain_table("Enumeration", head, rows, note), found


def most_bias(known: int, unknown: int) -> float:
    """How far chance alone takes the share of longer times from one half: three standard errors."""
    return _STANDARD_ERRORS * math.sqrt((known + unknown + 1) / (12 * known * unknown))


def _take_turns(auth: Service, rounds: int, request: Request) -> tuple[list[float], list[float]]:
    times: tuple[list[float], list[float]] = ([], [])
    with httpx2.Client(base_url=auth.url, timeout=30, trust_env=False) as client:
        for number in range(rounds):
            pair = [(0, _KNOWN[number % _USERS]), (1, f"nobody{number:04}@example.com")]
            # Neither kind always follows the other.
            random.shuffle(pair)
            for kind, email in pair:
                started = time.perf_counter()
                request(client, email)
                times[kind].append(time.perf_counter() - started)
    return times


def _refused(client: httpx2.Client, email: str) -> None:
    answer = client.post("/auth/login", json={"email": email, "password": "not the password of anybody"})
    if answer.status_code != 401:
        raise BenchError(f"a wrong password was answered {answer.status_code}: {answer.text}")


def _asked(path: str, client: httpx2.Client, email: str, **others: str) -> None:
    answer = client.post(path, json={"email": email, **others})
    if answer.status_code != 202:
        raise BenchError(f"{path} was answered {answer.status_code}: {answer.text}")


_REQUESTS: dict[str, Request] = {
    "login, wrong password": _refused,
    "a code by mail": partial(_asked, "/auth/otp/request", purpose="login"),
    "a forgotten password": partial(_asked, "/auth/password/forgot"),
    "a link that verifies an address": partial(_asked, "/auth/email/verify/request"),
}


def _chance_of_longer(known: list[float], unknown: list[float]) -> float:
    """How often a time of the second kind is longer, over all pairs (Mann and Whitney); 0.5 tells nothing."""
    ranked = sorted([(value, 0) for value in known] + [(value, 1) for value in unknown])
    rank_sum = sum(rank for rank, (_, kind) in enumerate(ranked, start=1) if kind == 1)
    return (rank_sum - len(unknown) * (len(unknown) + 1) / 2) / (len(known) * len(unknown))
