"""Keycloak's tokens at a guarded route: the SDK beside python-keycloak, which asks about each token or decodes it."""

import contextlib
from dataclasses import dataclass

import httpx2

from bench.keycloak_server import Provider, provider
from bench.measure import Comparison, Group, HTTPCase, Round, Spread, get_request, take_turns
from bench.peer_environment import PeersMissing, peer_environment
from bench.peer_routes import require_refusal
from bench.processes import SERVER_CORE, BenchError
from bench.report import spread, verdict
from bench.run import Run
from bench.service import application

_OURS, _PLAIN = "SDK, Keycloak's tokens", "no auth"
_OURS_MANY = "SDK, Keycloak's tokens, 256 of them"
_OURS_ASKING = "SDK, introspection, each answer kept for 5 s"
_DECODING, _INTROSPECTING = "python-keycloak, local decode", "python-keycloak, introspection"
_MANY = 256
GOALS = {_INTROSPECTING: 20.0, _DECODING: 1.5}
_TITLE = "Tokens of Keycloak"


def measure(run: Run) -> list[Group]:
    """The figures of this group. What cannot be measured is named in the note."""
    with contextlib.ExitStack() as stack:
        try:
            issuer = provider(stack, run)
        except PeersMissing as error:
            raise BenchError(f"there is no issuer: {error}") from error
        apps = _Apps(stack, run, issuer, issuer.tokens(_MANY))
        cases = [
            apps.ours(_PLAIN, "unprotected"),
            apps.ours(_OURS, "guarded_by_keycloak"),
            apps.ours(_OURS_MANY, "guarded_by_keycloak", tokens=_MANY),
            apps.ours(_OURS_ASKING, "asking_keycloak"),
        ]
        left_out = []
        for name, factory in ((_DECODING, "foreign_decode"), (_INTROSPECTING, "foreign_introspection")):
            try:
                cases.append(apps.peer(name, factory))
            except (PeersMissing, BenchError, httpx2.HTTPError) as error:
                left_out.append(f"Left out: {name} ({' '.join(str(error).split())[-300:]})")
        rounds = take_turns(cases, rounds=run.rounds, seconds=run.seconds)
    met = {name: goal for name, goal in GOALS.items() if name in rounds}
    note = [f"The issuer was {issuer.name}.", *(_times(rounds, *goal) for goal in met.items()), *left_out]
    comparisons = [Comparison(case=_OURS, reference=_PLAIN)]
    comparisons += [Comparison(case=_OURS, reference=name, at_least=goal) for name, goal in met.items()]
    comparisons += [Comparison(case=name, reference=_PLAIN) for name in rounds if name not in (_PLAIN, _OURS)]
    return [Group(title=_TITLE, rounds=rounds, comparisons=comparisons, note="\n".join(note))]


def _times(rounds: dict[str, list[Round]], name: str, goal: float) -> str:
    """How many requests the SDK serves for one of a peer's, by CPU."""
    pairs = zip(rounds[name], rounds[_OURS], strict=True)
    times = Spread.of([slow.cpu_us / fast.cpu_us for slow, fast in pairs])
    return f"{_OURS}: {spread(times, 1)} times {name} (goal ≥ {goal:g}): {verdict(met=times.median >= goal)}."


@dataclass(slots=True)
class _Apps:
    """Starts the applications."""

    stack: contextlib.ExitStack
    run: Run
    issuer: Provider
    tokens: list[str]

    def ours(self, name: str, factory: str, *, tokens: int = 1) -> HTTPCase:
        env = {"KEYCLOAK_ISSUER": self.issuer.issuer}
        started = application(f"bench.apps:{factory}", core=SERVER_CORE, folder=self.run.folder, env=env)
        pid, port = self.stack.enter_context(started)
        if factory != "unprotected":
            require_refusal(port, self.tokens[0])
        return self._case(name, pid, port, tokens)

    def peer(self, name: str, factory: str) -> HTTPCase:
        started = application(
            f"bench.peers.keycloak_guards:{factory}",
            core=SERVER_CORE,
            folder=self.run.folder,
            env={"KEYCLOAK_ISSUER": self.issuer.issuer, "KEYCLOAK_URL": self.issuer.url},
            interpreter=peer_environment().python,
        )
        with contextlib.ExitStack() as trial:
            pid, port = trial.enter_context(started)
            require_refusal(port, self.tokens[0])
            self.stack.push(trial.pop_all())
        return self._case(name, pid, port, 1)

    def _case(self, name: str, pid: int, port: int, tokens: int) -> HTTPCase:
        requests = [get_request("/orders", token) for token in self.tokens[:tokens]]
        self.run.load.define(name, "rotation", requests=requests)
        return HTTPCase(name=name, load=self.run.load, traffic=name, pid=pid, port=port)
