"""Introspection of an API key, read from Postgres each time, beside node oidc-provider that keeps all in memory."""

import base64
import contextlib
import json
import os
import subprocess
from urllib.parse import urlencode

import httpx2

from bench.apps import AUDIENCE
from bench.measure import Comparison, Group, HTTPCase, take_turns
from bench.node_environment import node_environment
from bench.peer_environment import PeersMissing
from bench.processes import SERVER_CORE, BenchError, environment, python, running
from bench.run import Run
from bench.service import PASSWORD, Service, answers, free_port, service

_OURS, _FORM = "introspection of an API key, JSON", "introspection of an API key, form"
_PEER = "node oidc-provider, introspection, in memory"
_PEERS_SECRET = "s3cret-of-the-peer"


def measure(run: Run) -> list[Group]:
    """The figures of this group. Without node ours stand alone."""
    note = ""
    with contextlib.ExitStack() as stack:
        # Patient, for a busy machine: a refusal would cost less than an answer.
        auth = stack.enter_context(service(run.backend, core=SERVER_CORE, env={"DATABASE__ANSWER_SECONDS": "10"}))
        client = _register(run, auth)
        keys = _keys(auth)
        cases = [
            _case(run, _OURS, auth.pid, auth.port, [_json_request(client, key) for key in keys]),
            _case(run, _FORM, auth.pid, auth.port, [_form_request("/auth/introspect", client, key) for key in keys]),
        ]
        try:
            cases.append(_peer(stack, run))
        except (PeersMissing, BenchError) as error:
            note = f"node oidc-provider was left out: {error}"
        rounds = take_turns(cases, rounds=run.rounds, seconds=run.seconds)
    goal = [] if note else [Comparison(case=_FORM, reference=_PEER, at_least=1.2)]
    goal += [] if note else [Comparison(case=_OURS, reference=_PEER, at_least=1.2)]
    return [Group(title="Introspection", rounds=rounds, comparisons=goal, note=note)]


def _peer(stack: contextlib.ExitStack, run: Run) -> HTTPCase:
    made = node_environment()
    port = free_port()
    env = {"PORT": str(port), "NODE_ENV": "production", "SECRET": _PEERS_SECRET}
    command = [made.node, str(made.folder / "introspection.mjs")]
    process = stack.enter_context(running(command, core=SERVER_CORE, folder=run.folder, env=env))
    url = f"http://127.0.0.1:{port}"
    process.wait_until(lambda: answers(f"{url}/.well-known/openid-configuration"))
    client = ("svc", _PEERS_SECRET)
    tokens = []
    with httpx2.Client(base_url=url, auth=client, trust_env=False) as http:
        for _ in range(32):
            answer = http.post("/token", data={"grant_type": "client_credentials", "scope": "orders:read"})
            tokens.append(answer.json()["access_token"])
        told = http.post("/token/introspection", data={"token": tokens[0]}).json()
    if told.get("active") is not True:
        raise BenchError(f"the peer does not know its own token: {told}")
    requests = [_form_request("/token/introspection", client, token) for token in tokens]
    return _case(run, _PEER, process.pid, port, requests)


def _keys(auth: Service) -> list[str]:
    auth.sign_up("machine@example.com")
    token = auth.post("/auth/login", {"email": "machine@example.com", "password": PASSWORD})["access_token"]
    body = {"name": "bench", "scopes": ["orders:read"], "audience": AUDIENCE}
    with httpx2.Client(base_url=auth.url, headers={"authorization": f"Bearer {token}"}, trust_env=False) as http:
        return [http.post("/auth/api-keys", json=body).json()["api_key"] for _ in range(32)]


def _case(run: Run, name: str, pid: int, port: int, requests: list[str]) -> HTTPCase:
    run.load.define(name, "rotation", requests=requests)
    return HTTPCase(name=name, load=run.load, traffic=name, pid=pid, port=port, beside=run.backend.postgres_pid)


def _json_request(client: tuple[str, str], key: str) -> str:
    return _request("/auth/introspect", client, "application/json", json.dumps({"api_key": key}))


def _form_request(path: str, client: tuple[str, str], token: str) -> str:
    return _request(path, client, "application/x-www-form-urlencoded", urlencode({"token": token}))


def _request(path: str, client: tuple[str, str], kind: str, body: str) -> str:
    basic = base64.b64encode(":".join(client).encode()).decode()
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\nauthorization: Basic {basic}\r\n"
    return f"{head}content-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n{body}"


def _register(run: Run, auth: Service) -> tuple[str, str]:
    stated = ["--name", "reader", "--audience", AUDIENCE, "--scope", "introspection"]
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
