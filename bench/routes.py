"""Protected routes: what the SDK adds to a request whose token and session it knows."""

import contextlib
from collections.abc import Iterator

from auth_service_sdk.session_state import MAX_CACHED_SECONDS
from bench.apps import AUDIENCE
from bench.machines import register_client
from bench.measure import Comparison, Group, HTTPCase, Load, Round, Spread, get_request, take_turns
from bench.processes import LOAD_CORE, SERVER_CORE
from bench.report import spread
from bench.run import Run
from bench.service import Service, application, service

# A service that follows the feed does the same for many as for one; without credentials each asks twice a second.
_SCOPES = ("--scope", "introspection", "--scope", "revocations:read")
_MANY_TOKENS = (32, 256)
_QUESTIONS_PER_SECOND = round(1 / MAX_CACHED_SECONDS)
_PLAIN, _GUARDED = "unprotected route", "guarded, one live token"
_DEPENDENCY, _IDENTITY = "unprotected, a dependency that does nothing", "guarded, identity as the dependency"
_SCOPE = "guarded, `require_scope` as the dependency"
_ASKING = f"guarded without credentials, {_MANY_TOKENS[0]} live tokens"


def measure(run: Run) -> list[Group]:
    """The figures of this group."""
    with contextlib.ExitStack() as stack:
        # Not the process under test here: it answers the questions about sessions from the other core.
        auth = stack.enter_context(service(run.backend, core=LOAD_CORE))
        _define_traffic(run.load, auth)
        make = _Maker(stack, run, auth)
        cases = [
            make.case(_PLAIN, "unprotected", tokens=1),
            make.case(_GUARDED, "guarded", tokens=1),
            make.case(_DEPENDENCY, "with_dependency", tokens=1),
            make.case(_IDENTITY, "guarded_with_identity", tokens=1),
            make.case(_SCOPE, "guarded_with_scope", tokens=1),
        ]
        cases += [make.case(_many(tokens), "guarded", tokens=tokens) for tokens in _MANY_TOKENS]
        cases.append(make.case(_ASKING, "guarded", tokens=_MANY_TOKENS[0], follows=False))
        rounds = take_turns(cases, rounds=run.rounds, seconds=run.seconds)
    comparisons = [
        Comparison(case=_GUARDED, reference=_PLAIN, at_least=0.90),
        Comparison(case=_IDENTITY, reference=_DEPENDENCY, at_least=0.92),
        Comparison(case=_SCOPE, reference=_DEPENDENCY),
        *(Comparison(case=_many(tokens), reference=_PLAIN) for tokens in _MANY_TOKENS),
        Comparison(case=_ASKING, reference=_PLAIN),
    ]
    return [Group(title="Protected route", rounds=rounds, comparisons=comparisons, note=_price(rounds))]


def _price(rounds: dict[str, list[Round]]) -> str:
    """What one question about a session costs a guarded service without credentials, from what many of them add."""
    tokens = _MANY_TOKENS[0]
    prices = [
        (many.cpu_us - one.cpu_us) * many.requests / min(_QUESTIONS_PER_SECOND * tokens * many.seconds, many.requests)
        for many, one in zip(rounds[_ASKING], rounds[_GUARDED], strict=True)
    ]
    return (
        f"The guarded service follows the feed of revocations. Without credentials each live token asks "
        f"{_QUESTIONS_PER_SECOND} times a second whether its session lives, which costs "
        f"{spread(Spread.of(prices))} µs of CPU each time."
    )


class _Maker:
    """Starts each application once."""

    def __init__(self, stack: contextlib.ExitStack, run: Run, auth: Service) -> None:
        self._stack = stack
        self._run = run
        client_id, secret = register_client(auth, "--name", "bench", "--audience", AUDIENCE, *_SCOPES)
        self._env = {"AUTH_BASE_URL": auth.url}
        self._credentials = {"AUTH_CLIENT_ID": client_id, "AUTH_CLIENT_SECRET": secret}
        self._started: dict[tuple[str, bool], tuple[int, int]] = {}

    def case(self, name: str, factory: str, *, tokens: int, follows: bool = True) -> HTTPCase:
        key = factory, follows
        if key not in self._started:
            env = self._env | (self._credentials if follows else {})
            self._started[key] = self._stack.enter_context(
                application(f"bench.apps:{factory}", core=SERVER_CORE, folder=self._run.folder, env=env)
            )
        pid, port = self._started[key]
        return HTTPCase(name=name, load=self._run.load, traffic=f"{tokens} tokens", pid=pid, port=port)


def _define_traffic(load: Load, auth: Service) -> None:
    auth.sign_up("reader@example.com")
    tokens = list(_tokens(auth, max(_MANY_TOKENS)))
    for count in (1, *_MANY_TOKENS):
        requests = [get_request("/orders", token) for token in tokens[:count]]
        load.define(f"{count} tokens", "rotation", requests=requests)


def _tokens(auth: Service, count: int) -> Iterator[str]:
    for _ in range(count):
        yield auth.log_in("reader@example.com", algorithm="RS256")["access_token"]


def _many(tokens: int) -> str:
    return f"guarded, {tokens} live tokens"
