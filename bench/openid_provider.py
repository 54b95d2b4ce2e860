"""Signing people in for clients: code exchange, refresh and UserInfo, durable, beside node oidc-provider in memory."""

import asyncio
import contextlib
import json
import secrets
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import asyncpg
import httpx2

from app.foundation.ids import new_id
from app.foundation.secrets import hash_secret
from app.protocols.oauth.pkce import challenge_of
from bench.machines import PEERS_SECRET, post_head_by_basic, register_client, rotation, start_node
from bench.measure import CONNECTIONS, Comparison, Group, HTTPCase, get_request, take_turns
from bench.peer_environment import PeersMissing
from bench.processes import SERVER_CORE, BenchError
from bench.run import Run
from bench.service import BY_ALGORITHM, Service, service

_CALLBACK = "https://app.example.com/callback"
_VERIFIER = secrets.token_urlsafe(32)
# More than are spent in a second, on any machine that this was tried on.
_CODES_A_SECOND = 4000

_EXCHANGE, _REFRESH, _USERINFO = "code exchange, ES256", "refresh by a client, ES256", "userinfo"
_PEER = "node oidc-provider, in memory: {}"
_SESSIONS = "SELECT id, user_id FROM sessions ORDER BY id DESC LIMIT $1"
_ADD_CODE = """
    INSERT INTO authorization_codes (id, code_hash, client_id, session_id, user_id, redirect_uri, redirect_uri_given,
      challenge, nonce, scope, offline, audience, created_at, expires_at)
    VALUES ($1, $2, $3, $9, $10, $4, true, $5, 'n-1', $6, false, $7, now(), $8)
    """


def measure(run: Run) -> list[Group]:
    """The figures of this group. Without node ours stand alone."""
    note, compared = "", []
    with contextlib.ExitStack() as stack:
        auth = stack.enter_context(service(run.backend, core=SERVER_CORE, env={"DATABASE__ANSWER_SECONDS": "10"}))
        cases = _ours(run, auth)
        try:
            cases += _peers(stack, run)
            compared = [_EXCHANGE, _REFRESH, _USERINFO]
        except (PeersMissing, BenchError) as error:
            note = f"node oidc-provider was left out: {error}"
        rounds = take_turns(cases, rounds=run.rounds, seconds=run.seconds)
    goals = [Comparison(case=name, reference=_PEER.format(name), at_least=1.0) for name in compared]
    return [Group(title="OpenID provider", rounds=rounds, comparisons=goals, note=note)]


def _ours(run: Run, auth: Service) -> list[HTTPCase]:
    audience = BY_ALGORITHM["ES256"]
    stated = ["--name", "shop", "--audience", audience, "--redirect-uri", _CALLBACK]
    client = register_client(
        auth, *stated, "--grant", "authorization_code", "--grant", "refresh_token", "--id-token-alg", "ES256"
    )
    for number in range(CONNECTIONS):
        auth.sign_up(f"buyer{number}@example.com")
        auth.log_in(f"buyer{number}@example.com", algorithm="ES256")
    few, many = 2 * CONNECTIONS, _codes_of(run)
    codes = asyncio.run(_seed(run.backend.dsn, client[0], audience, few + many))
    with httpx2.Client(base_url=auth.url, auth=client, trust_env=False) as http:
        answers = [http.post("/oauth/token", data=_form(code)).json() for code in codes[:few]]
    head = post_head_by_basic("/oauth/token", client)
    tokens = [answer["refresh_token"] for answer in answers[:CONNECTIONS]]
    requests = [get_request("/oauth/userinfo", answer["access_token"]) for answer in answers[CONNECTIONS:]]
    return [
        _once(run, _EXCHANGE, auth.pid, auth.port, head, codes[few:]),
        _chain(run, _REFRESH, auth.pid, auth.port, head, tokens),
        rotation(run, _USERINFO, auth.pid, auth.port, requests),
    ]


def _peers(stack: contextlib.ExitStack, run: Run) -> list[HTTPCase]:
    file = run.folder / "codes.json"
    env = {"CODES": str(CONNECTIONS + _codes_of(run)), "CODES_FILE": str(file), "CHALLENGE": _challenge()}
    pid, port = start_node(stack, run, "provider.mjs", env=env)
    client, codes = ("shop", PEERS_SECRET), json.loads(file.read_text())
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", auth=client, trust_env=False) as http:
        refreshable = [http.post("/token", data=_form(code)).json() for code in codes["exchange"][:CONNECTIONS]]
        told = [http.post("/token", data=_form(code)).json() for code in codes["userinfo"]]
    if "refresh_token" not in refreshable[0] or "access_token" not in told[0]:
        raise BenchError(f"the peer does not redeem its own code: {refreshable[0]} {told[0]}")
    head = post_head_by_basic("/token", client)
    tokens = [answer["refresh_token"] for answer in refreshable]
    requests = [get_request("/me", answer["access_token"]) for answer in told]
    return [
        _once(run, _PEER.format(_EXCHANGE), pid, port, head, codes["exchange"][CONNECTIONS:]),
        _chain(run, _PEER.format(_REFRESH), pid, port, head, tokens),
        rotation(run, _PEER.format(_USERINFO), pid, port, requests),
    ]


def _once(run: Run, name: str, pid: int, port: int, head: str, codes: list[str]) -> HTTPCase:
    body = urlencode({**_form(""), "code": "CODE"}).replace("CODE", "%s")
    run.load.define(name, "once", head=head, body=body, tokens=codes)
    return HTTPCase(name=name, load=run.load, traffic=name, pid=pid, port=port, beside=run.backend.postgres_pid)


def _chain(run: Run, name: str, pid: int, port: int, head: str, tokens: list[str]) -> HTTPCase:
    body = "grant_type=refresh_token&refresh_token=%s"
    run.load.define(name, "chain", head=head, body=body, tokens=tokens)
    return HTTPCase(name=name, load=run.load, traffic=name, pid=pid, port=port, beside=run.backend.postgres_pid)


def _form(code: str) -> dict[str, str]:
    return {"grant_type": "authorization_code", "code": code, "redirect_uri": _CALLBACK, "code_verifier": _VERIFIER}


def _codes_of(run: Run) -> int:
    """How many codes cannot be spent in all rounds."""
    return int(_CODES_A_SECOND * run.seconds * run.rounds)


def _challenge() -> str:
    challenge = challenge_of(_VERIFIER)
    if challenge is None:
        raise BenchError("the verifier is none")
    return challenge


async def _seed(dsn: str, client_id: str, audience: str, number: int) -> list[str]:
    """Codes of the last sign-ins in turn, as the consent page would have issued them.

    Of several people: whoever redeems the codes of one session at one moment would measure how they wait for its row.
    """
    codes, now, challenge = [secrets.token_urlsafe(32) for _ in range(number)], datetime.now(UTC), _challenge()
    until = now + timedelta(hours=1)
    connection = await asyncpg.connect(dsn)
    try:
        sessions = await connection.fetch(_SESSIONS, CONNECTIONS)
        stated = (client_id, _CALLBACK, challenge, "openid orders:read", audience, until)
        rows = [
            (new_id(now), hash_secret(code), *stated, *sessions[place % len(sessions)])
            for place, code in enumerate(codes)
        ]
        await connection.executemany(_ADD_CODE, rows)
    finally:
        await connection.close()
    return codes
