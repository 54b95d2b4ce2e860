"""Client credentials: a token with a durable audit entry, beside node oidc-provider that keeps everything in memory."""

import base64
import contextlib
import json
import os
import subprocess
from urllib.parse import urlencode

from bench.measure import Comparison, Group, HTTPCase, take_turns
from bench.node_environment import node_environment
from bench.peer_environment import PeersMissing
from bench.processes import SERVER_CORE, BenchError, environment, python, running
from bench.run import Run
from bench.service import BY_ALGORITHM, Service, answers, application, free_port, service

_FLOOR = "bare Starlette, group commit, ES256"
_PEER = "node oidc-provider, ES256, in memory"
_ES256, _RS256 = "client credentials, ES256, durable audit", "client credentials, RS256, durable audit"
_PEERS_SECRET = "s3cret-of-the-peer"


def measure(run: Run) -> list[Group]:
    """The figures of this group. Without node the floor alone is compared with."""
    note = ""
    with contextlib.ExitStack() as stack:
        auth = stack.enter_context(service(run.backend, core=SERVER_CORE))
        dsn = {"DSN": run.backend.dsn}
        floor = application("bench.floor_clients:application", core=SERVER_CORE, folder=run.folder, env=dsn)
        bare_pid, bare_port = stack.enter_context(floor)
        cases = [_case(run, _FLOOR, bare_pid, bare_port, _request("/token", "svc", "s3cret", "orders:read"))]
        for name, algorithm in ((_ES256, "ES256"), (_RS256, "RS256")):
            client_id, secret = _register(run, auth, BY_ALGORITHM[algorithm])
            request = _request("/oauth/token", client_id, secret, "orders:read")
            cases.append(_case(run, name, auth.pid, auth.port, request))
        try:
            cases.append(_peer(stack, run))
        except (PeersMissing, BenchError) as error:
            note = f"node oidc-provider was left out: {error}"
        rounds = take_turns(cases, rounds=run.rounds, seconds=run.seconds)
    # 1.6 times the CPU of the floor.
    comparisons = [Comparison(case=_ES256, reference=_FLOOR, at_least=1 / 1.6)]
    if not note:
        # A case stands once in the table: the peer's goal is told from its side, as a share of our rate.
        comparisons += [Comparison(case=_PEER, reference=_ES256), Comparison(case=_RS256, reference=_PEER)]
        ours, theirs = rounds[_ES256], rounds[_PEER]
        ratio = sorted(peer.cpu_us / own.cpu_us for own, peer in zip(ours, theirs, strict=True))[len(ours) // 2]
        verdict = "met" if ratio >= 1.5 else "missed"
        note = f"{_ES256}: {ratio:.2f} times the rate of {_PEER} (goal ≥ 1.50: {verdict})"
    return [Group(title="Client credentials", rounds=rounds, comparisons=comparisons, note=note)]


def _peer(stack: contextlib.ExitStack, run: Run) -> HTTPCase:
    made = node_environment()
    port = free_port()
    env = {"PORT": str(port), "NODE_ENV": "production", "SECRET": _PEERS_SECRET}
    command = [made.node, str(made.folder / "oidc-provider.mjs")]
    process = stack.enter_context(running(command, core=SERVER_CORE, folder=run.folder, env=env))
    process.wait_until(lambda: answers(f"http://127.0.0.1:{port}/.well-known/openid-configuration"))
    return _case(run, _PEER, process.pid, port, _request("/token", "svc", _PEERS_SECRET, "orders:read"))


def _case(run: Run, name: str, pid: int, port: int, request: str) -> HTTPCase:
    run.load.define(name, "rotation", requests=[request])
    return HTTPCase(name=name, load=run.load, traffic=name, pid=pid, port=port, beside=run.backend.postgres_pid)


def _request(path: str, client_id: str, secret: str, scope: str) -> str:
    basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    body = urlencode({"grant_type": "client_credentials", "scope": scope})
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\nauthorization: Basic {basic}\r\n"
    kind = "content-type: application/x-www-form-urlencoded"
    return f"{head}{kind}\r\ncontent-length: {len(body)}\r\n\r\n{body}"


def _register(run: Run, auth: Service, audience: str) -> tuple[str, str]:
    stated = ["--name", "bench", "--audience", audience, "--scope", "orders:read", "--grant", "client_credentials"]
    done = subprocess.run(
        python("-m", "app.cli", "create-client", *stated, "--json"),
        cwd=run.folder,
        env=environment(run.backend.settings(auth.port)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, range(os.cpu_count() or 1)),
    )
    if done.returncode != 0:
        raise BenchError(f"no client was made: {done.stderr[-500:]}")
    made = json.loads(done.stdout)
    return made["client_id"], made["client_secret"]
