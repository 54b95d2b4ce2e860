"""Introspection of API keys and access tokens, beside node oidc-provider, which keeps all in memory."""

import contextlib
import json
from urllib.parse import urlencode

import httpx2

from bench.apps import AUDIENCE
from bench.machines import FORM, PEERS_SECRET, post_by_basic, register_client, rotation, start_node
from bench.measure import Comparison, Group, HTTPCase, take_turns
from bench.peer_environment import PeersMissing
from bench.processes import SERVER_CORE, BenchError
from bench.run import Run
from bench.service import PASSWORD, Service, service

_OURS, _FORM = "introspection of an API key, JSON", "introspection of an API key, form"
_TOKEN = "introspection of an access token, form"
_PEER = "node oidc-provider, introspection, in memory"


def measure(run: Run) -> list[Group]:
    """The figures of this group. Without node ours stand alone."""
    note = ""
    with contextlib.ExitStack() as stack:
        # Patient, for a busy machine: a refusal would cost less than an answer.
        auth = stack.enter_context(service(run.backend, core=SERVER_CORE, env={"DATABASE__ANSWER_SECONDS": "10"}))
        client = register_client(auth, "--name", "reader", "--audience", AUDIENCE, "--scope", "introspection")
        keys = _keys(auth)
        cases = [
            rotation(run, _OURS, auth.pid, auth.port, [_json_request(client, key) for key in keys]),
            rotation(run, _FORM, auth.pid, auth.port, [_form_request("/auth/introspect", client, key) for key in keys]),
            rotation(run, _TOKEN, auth.pid, auth.port, _token_requests(auth, client)),
        ]
        try:
            cases.append(_peer(stack, run))
        except (PeersMissing, BenchError) as error:
            note = f"node oidc-provider was left out: {error}"
        rounds = take_turns(cases, rounds=run.rounds, seconds=run.seconds)
    goal = [Comparison(case=case, reference=_PEER, at_least=1.2) for case in (_FORM, _OURS, _TOKEN) if not note]
    return [Group(title="Introspection", rounds=rounds, comparisons=goal, note=note)]


def _peer(stack: contextlib.ExitStack, run: Run) -> HTTPCase:
    pid, port = start_node(stack, run, "introspection.mjs")
    url = f"http://127.0.0.1:{port}"
    client = ("svc", PEERS_SECRET)
    tokens = []
    with httpx2.Client(base_url=url, auth=client, trust_env=False) as http:
        for _ in range(32):
            answer = http.post("/token", data={"grant_type": "client_credentials", "scope": "orders:read"})
            tokens.append(answer.json()["access_token"])
        told = http.post("/token/introspection", data={"token": tokens[0]}).json()
    if told.get("active") is not True:
        raise BenchError(f"the peer does not know its own token: {told}")
    requests = [_form_request("/token/introspection", client, token) for token in tokens]
    return rotation(run, _PEER, pid, port, requests)


def _keys(auth: Service) -> list[str]:
    auth.sign_up("machine@example.com")
    token = auth.post("/auth/login", {"email": "machine@example.com", "password": PASSWORD})["access_token"]
    body = {"name": "bench", "scopes": ["orders:read"], "audience": AUDIENCE}
    with httpx2.Client(base_url=auth.url, headers={"authorization": f"Bearer {token}"}, trust_env=False) as http:
        return [http.post("/auth/api-keys", json=body).json()["api_key"] for _ in range(32)]


def _token_requests(auth: Service, client: tuple[str, str]) -> list[str]:
    """Requests about the live access tokens of as many sign-ins as there are keys."""
    body = {"email": "machine@example.com", "password": PASSWORD, "audience": AUDIENCE}
    tokens = [auth.post("/auth/login", body)["access_token"] for _ in range(32)]
    with httpx2.Client(base_url=auth.url, auth=client, trust_env=False) as http:
        told = http.post("/oauth/introspect", data={"token": tokens[0]}).json()
    if told.get("active") is not True:
        raise BenchError(f"the service does not know its own token: {told}")
    return [_form_request("/oauth/introspect", client, token) for token in tokens]


def _json_request(client: tuple[str, str], key: str) -> str:
    return post_by_basic("/auth/introspect", client, "application/json", json.dumps({"api_key": key}))


def _form_request(path: str, client: tuple[str, str], token: str) -> str:
    return post_by_basic(path, client, FORM, urlencode({"token": token}))
