"""Client credentials: a token with a durable audit entry, beside node oidc-provider that keeps everything in memory."""

import contextlib
from urllib.parse import urlencode

from bench.machines import FORM, PEERS_SECRET, post_by_basic, register_client, rotation, start_node
from bench.measure import Comparison, Group, HTTPCase, take_turns
from bench.peer_environment import PeersMissing
from bench.processes import SERVER_CORE, BenchError
from bench.run import Run
from bench.service import BY_ALGORITHM, Service, application, service

_FLOOR = "bare Starlette, group commit, ES256"
_PEER = "node oidc-provider, ES256, in memory"
_ES256, _RS256 = "client credentials, ES256, durable audit", "client credentials, RS256, durable audit"


def measure(run: Run) -> list[Group]:
    """The figures of this group. Without node the floor alone is compared with."""
    note = ""
    with contextlib.ExitStack() as stack:
        auth = stack.enter_context(service(run.backend, core=SERVER_CORE))
        dsn = {"DSN": run.backend.dsn}
        floor = application("bench.floor_clients:application", core=SERVER_CORE, folder=run.folder, env=dsn)
        bare_pid, bare_port = stack.enter_context(floor)
        cases = [rotation(run, _FLOOR, bare_pid, bare_port, [_request("/token", ("svc", "s3cret"))])]
        for name, algorithm in ((_ES256, "ES256"), (_RS256, "RS256")):
            client = _register(auth, BY_ALGORITHM[algorithm])
            cases.append(rotation(run, name, auth.pid, auth.port, [_request("/oauth/token", client)]))
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
    pid, port = start_node(stack, run, "oidc-provider.mjs")
    return rotation(run, _PEER, pid, port, [_request("/token", ("svc", PEERS_SECRET))])


def _request(path: str, client: tuple[str, str]) -> str:
    body = urlencode({"grant_type": "client_credentials", "scope": "orders:read"})
    return post_by_basic(path, client, FORM, body)


def _register(auth: Service, audience: str) -> tuple[str, str]:
    stated = ("--name", "bench", "--audience", audience, "--scope", "orders:read", "--grant", "client_credentials")
    return register_client(auth, *stated)
