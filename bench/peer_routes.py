"""The same protected route behind other libraries: what each leaves of an unprotected route's rate."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2

from bench.apps import AUDIENCE
from bench.machines import register_client
from bench.measure import Comparison, Group, HTTPCase, Round, Spread, get_request, take_turns
from bench.peer_environment import PeerEnvironment, PeersMissing, peer_environment
from bench.processes import LOAD_CORE, SERVER_CORE, BenchError
from bench.report import spread, verdict
from bench.run import Run
from bench.service import PASSWORD, Service, application, service

_EMAIL = "peer@example.com"
_OURS, _OURS_PLAIN = "JWTAuthMiddleware", "no auth"
_OURS_IDENTITY = "JWTAuthMiddleware, identity as a dependency"
_OURS_FOLLOWING = "JWTAuthMiddleware, following the feed"
_OURS_ASKING = "JWTAuthMiddleware, asking at each request"
_LEAST_TIMES = 20
_WITH_GOAL = (_OURS, _OURS_FOLLOWING)
_INTROSPECTING = "python-keycloak, introspection"
_PLAIN = "no auth, in the peers' environment"


@dataclass(frozen=True, slots=True)
class Peer:
    """A case and its application. With `own_tokens` it signs people in itself; else it takes the service's tokens."""

    name: str
    factory: str
    own_tokens: bool = False


PEERS = (
    Peer("PyJWT in an async dependency", "bench.peers.pyjwt_dependency:application"),
    Peer("fastapi-users", "bench.peers.fastapi_users_guard:application", own_tokens=True),
    Peer("python-keycloak, decode", "bench.peers.keycloak_guards:decode"),
    Peer(_INTROSPECTING, "bench.peers.keycloak_guards:introspection"),
)


def measure(run: Run) -> list[Group]:
    """The figures of this group. A peer that cannot be measured is named in the note."""
    with contextlib.ExitStack() as stack:
        auth = stack.enter_context(service(run.backend, core=LOAD_CORE))
        auth.sign_up(_EMAIL)
        token = auth.log_in(_EMAIL, algorithm="RS256")["access_token"]
        named = ("--name", "peers", "--audience", AUDIENCE, "--scope", "revocations:read")
        client_id, secret = register_client(auth, *named)
        credentials = {"AUTH_CLIENT_ID": client_id, "AUTH_CLIENT_SECRET": secret}
        table = _Table(stack, run, auth, token, credentials)
        cases = [
            table.ours(_OURS_PLAIN, "unprotected"),
            table.ours(_OURS, "guarded"),
            table.ours(_OURS_IDENTITY, "guarded_with_identity"),
            table.ours(_OURS_FOLLOWING, "guarded", follows=True),
            table.ours(_OURS_ASKING, "guarded_that_asks", follows=True),
        ]
        ours = len(cases)
        cases += table.peers()
        rounds = take_turns(cases, rounds=run.rounds, seconds=run.seconds)
    references = {case.name: _OURS_PLAIN for case in cases[1:ours]}
    references |= {case.name: _PLAIN for case in cases[ours:] if case.name != _PLAIN}
    return [
        Group(
            title="Protected route beside other libraries",
            rounds=rounds,
            comparisons=[
                Comparison(case=case, reference=reference, at_least=0.90 if case in _WITH_GOAL else None)
                for case, reference in references.items()
            ],
            note="\n".join([*_times_introspection(rounds), *(f"Left out: {reason}" for reason in table.left_out)]),
        )
    ]


def _times_introspection(rounds: dict[str, list[Round]]) -> list[str]:
    """How many times what introspection leaves the SDK leaves, in this run."""
    if _INTROSPECTING not in rounds:
        return []
    pairs = zip(rounds[_INTROSPECTING], rounds[_OURS_FOLLOWING], strict=True)
    times = Spread.of([slow.cpu_us / fast.cpu_us for slow, fast in pairs])
    met = verdict(met=times.median >= _LEAST_TIMES)
    return [f"Following the feed: {spread(times, 1)} times {_INTROSPECTING} (goal ≥ {_LEAST_TIMES}): {met}."]


@dataclass(slots=True)
class _Table:
    """Starts the applications, and keeps why one could not be."""

    stack: contextlib.ExitStack
    run: Run
    auth: Service
    token: str
    credentials: dict[str, str]
    left_out: list[str] = field(default_factory=list)

    def ours(self, name: str, factory: str, *, follows: bool = False) -> HTTPCase:
        env = {"AUTH_BASE_URL": self.auth.url} | (self.credentials if follows else {})
        started = application(f"bench.apps:{factory}", core=SERVER_CORE, folder=self.run.folder, env=env)
        return self._case(name, *self.stack.enter_context(started), token=self.token)

    def peers(self) -> list[HTTPCase]:
        try:
            environment = peer_environment()
        except PeersMissing as error:
            self.left_out.append(f"every peer ({error})")
            return []
        env = self._env(environment)
        cases = [self._peer(Peer(_PLAIN, "bench.peers.orders:unprotected"), environment, env)]
        for peer in PEERS:
            try:
                cases.append(self._peer(peer, environment, env))
            except (BenchError, httpx2.HTTPError) as error:
                self.left_out.append(f"{peer.name} ({' '.join(str(error).split())[-300:]})")
        return cases

    def _peer(self, peer: Peer, environment: PeerEnvironment, env: dict[str, str]) -> HTTPCase:
        started = application(
            peer.factory, core=SERVER_CORE, folder=self.run.folder, env=env, interpreter=environment.python
        )
        with contextlib.ExitStack() as trial:
            pid, port = trial.enter_context(started)
            token = _sign_in(port) if peer.own_tokens else self.token
            if peer.name != _PLAIN:
                require_refusal(port, token)
            self.stack.push(trial.pop_all())
        return self._case(peer.name, pid, port, token=token)

    def _case(self, name: str, pid: int, port: int, *, token: str) -> HTTPCase:
        self.run.load.define(name, "rotation", requests=[get_request("/orders", token)])
        beside = self.run.backend.postgres_pid
        return HTTPCase(name=name, load=self.run.load, traffic=name, pid=pid, port=port, beside=beside)

    def _env(self, environment: PeerEnvironment) -> dict[str, str]:
        """What the peers are told, with the server that is asked about tokens started on the other core."""
        env = {
            "AUTH_BASE_URL": self.auth.url,
            "DATABASE_URL": self.run.backend.engines.database_url,
            "EMAIL": _EMAIL,
            "PASSWORD": PASSWORD,
            "LIVE_TOKEN": self.token,
        }
        server = application(
            "bench.peers.introspection:application",
            core=LOAD_CORE,
            folder=self.run.folder,
            env=env,
            interpreter=environment.python,
        )
        _, port = self.stack.enter_context(server)
        return env | {"INTROSPECTION_URL": f"http://127.0.0.1:{port}"}


def _sign_in(port: int) -> str:
    with _client(port) as client:
        answer = client.post("/login", data={"username": _EMAIL, "password": PASSWORD})
    if not answer.is_success:
        raise BenchError(f"its own sign-in was answered {answer.status_code}: {answer.text}")
    token: str = answer.json()["access_token"]
    return token


def require_refusal(port: int, token: str) -> None:
    """Whoever lets everyone in would be fast."""
    forged = f"{token[:-8]}{token[-8:][::-1]}"
    with _client(port) as client:
        for headers in ({}, {"authorization": f"Bearer {forged}"}):
            answer = client.get("/orders", headers=headers)
            if answer.status_code != 401:
                raise BenchError(f"a request with {'a forged' if headers else 'no'} token got {answer.status_code}")


@contextlib.contextmanager
def _client(port: int) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as client:
        yield client
