"""The algebra of rules: what `require_role("admin") | require_scope("orders:write")` means and how it refuses.

`&` wants both sides and binds tighter than `|`, which wants one of them. The plain parts of a rule are judged before
an action token is spent, and a way that needs none is preferred: nothing is spent for what is refused, or allowed,
anyway.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import HTTPConnection

from auth_service_sdk.errors import Forbidden, InsufficientUserAuthentication, Refusal
from auth_service_sdk.identity import Identity

try:
    from fastapi import Security
except ImportError:  # FastAPI is optional: without it nothing is injected.
    Security = None  # type: ignore[assignment, unused-ignore]

User = Callable[[HTTPConnection], Awaitable[Identity]]
Rule = Callable[[Identity], None]
Spend = Callable[[HTTPConnection, Identity], Awaitable[None]]

LEVELS = ("aal1", "aal2", "phr")
"""The names of `acr` that have an order, each better than the one before."""

_NEEDS = "This needs "


class Requirement(ABC):
    """A dependency that returns the caller, or raises a Refusal, which JWTAuthMiddleware answers.

    `source` is how it was written; `scopes` are those that every way to be served needs, for OpenAPI.
    """

    def __init__(self, user: User, source: str, scopes: Sequence[str] = ()) -> None:
        self._user = user
        self.source = source
        self.scopes = tuple(dict.fromkeys(scopes))
        if Security is not None:
            # Under FastAPI the default makes `require_user` a dependency of this one.
            injected = Security(user, scopes=list(self.scopes))
            self.__signature__ = inspect.Signature(
                [
                    _parameter("connection", HTTPConnection),
                    _parameter("identity", Identity, default=injected),
                ]
            )

    async def __call__(self, connection: HTTPConnection, identity: Identity | None = None) -> Identity:
        """Return the caller of a connection. Raises Refusal."""
        caller = await self._user(connection) if identity is None else identity
        await self.settle(connection, caller)
        return caller

    def __and__(self, other: object) -> "Requirement":
        """Want both."""
        return _Both(self._user, self, other) if isinstance(other, Requirement) else NotImplemented

    def __or__(self, other: object) -> "Requirement":
        """Want one of both."""
        return _Either(self._user, self, other) if isinstance(other, Requirement) else NotImplemented

    def __repr__(self) -> str:
        """Show the rule as it was written."""
        return self.source

    @property
    @abstractmethod
    def spends(self) -> bool:
        """Whether it may spend an action token."""

    @abstractmethod
    def refusal(self, identity: Identity) -> Refusal | None:
        """Why the plain part refuses a caller; None where it does not. Nothing is spent."""

    @abstractmethod
    async def settle(self, connection: HTTPConnection, identity: Identity) -> None:
        """Judge a caller, and spend what the rule spends. Raises Refusal."""


class SingleRequirement(Requirement):
    """One rule, and perhaps an act that follows it when it is satisfied."""

    def __init__(
        self, user: User, source: str, rule: Rule, *, scopes: Sequence[str] = (), spend: Spend | None = None
    ) -> None:
        super().__init__(user, source, scopes)
        self._rule = rule
        self._spend = spend

    @property
    def spends(self) -> bool:
        """Whether something is spent."""
        return self._spend is not None

    def refusal(self, identity: Identity) -> Refusal | None:
        """What the rule raises."""
        try:
            self._rule(identity)
        except Refusal as refused:
            return refused
        return None

    async def settle(self, connection: HTTPConnection, identity: Identity) -> None:
        """Ask the rule, then spend."""
        self._rule(identity)
        if self._spend is not None:
            await self._spend(connection, identity)


class _Combined(Requirement):
    def __init__(self, user: User, source: str, scopes: Sequence[str], parts: tuple[Requirement, Requirement]) -> None:
        super().__init__(user, source, scopes)
        self._parts = parts

    @property
    def spends(self) -> bool:
        return any(part.spends for part in self._parts)


class _Both(_Combined):
    def __init__(self, user: User, left: Requirement, right: Requirement) -> None:
        sources = (f"({part.source})" if isinstance(part, _Either) else part.source for part in (left, right))
        super().__init__(user, " & ".join(sources), left.scopes + right.scopes, (left, right))

    def refusal(self, identity: Identity) -> Refusal | None:
        refusals = [found for part in self._parts if (found := part.refusal(identity)) is not None]
        return _all_missing(refusals) if refusals else None

    async def settle(self, connection: HTTPConnection, identity: Identity) -> None:
        refused = self.refusal(identity)
        if refused is not None:
            raise refused
        for part in self._parts:
            if part.spends:
                await part.settle(connection, identity)


class _Either(_Combined):
    def __init__(self, user: User, left: Requirement, right: Requirement) -> None:
        # Only what either way needs is needed whichever way is taken.
        shared = [scope for scope in left.scopes if scope in right.scopes]
        super().__init__(user, f"{left.source} | {right.source}", shared, (left, right))

    def refusal(self, identity: Identity) -> Refusal | None:
        refusals = [part.refusal(identity) for part in self._parts]
        missing = [found for found in refusals if found is not None]
        return _any_missing(missing) if len(missing) == len(refusals) else None

    async def settle(self, connection: HTTPConnection, identity: Identity) -> None:
        refusals: list[Refusal] = []
        for part in sorted(self._parts, key=lambda part: part.spends):
            try:
                await part.settle(connection, identity)
            except Refusal as refused:
                refusals.append(refused)
            else:
                return
        raise _any_missing(refusals)


def _all_missing(refusals: list[Refusal]) -> Refusal:
    """One refusal for all that is missing. Another sign-in is asked for only where nothing else is missing."""
    stepping = [refusal for refusal in refusals if isinstance(refusal, InsufficientUserAuthentication)]
    others = [refusal for refusal in refusals if refusal not in stepping]
    if len(others or stepping) == 1:
        return (others or stepping)[0]
    if not others:
        return _stepped(stepping)
    scopes = " ".join(_scopes(others)).split()
    return _joined(others, " and ", scope=" ".join(dict.fromkeys(scopes)) or None)


def _any_missing(refusals: list[Refusal]) -> Refusal:
    """One refusal for several ways, none of which is open, in words for all of them.

    What cannot be told now (503) comes first, because any other answer could be wrong; then the way that the caller
    can open by another proof. Of several scopes one is named: asking for all of them would ask for too much.
    """
    unknown = [refusal for refusal in refusals if refusal.status >= 500]
    if unknown:
        return unknown[0]
    proofs = [refusal for refusal in refusals if not isinstance(refusal, Forbidden)]
    if not proofs:
        return _joined(refusals, ", or ", scope=next(iter(_scopes(refusals)), None))
    chosen, words = proofs[0], _words(refusals, ", or ")
    if words is not None:
        chosen.description = words
        if chosen.challenge is not None:
            chosen.challenge["error_description"] = words
    return chosen


def _joined(refusals: list[Refusal], between: str, *, scope: str | None) -> Refusal:
    kinds = {type(refusal) for refusal in refusals}
    kind = kinds.pop() if len(kinds) == 1 else Forbidden
    words = _words(refusals, between)
    if words is None or not issubclass(kind, Forbidden):
        return refusals[0]
    details = dict.fromkeys(refusal.detail for refusal in refusals if refusal.detail)
    return kind(words, detail="; ".join(details) or None, scope=scope)


def _stepped(refusals: list[InsufficientUserAuthentication]) -> InsufficientUserAuthentication:
    asked = [refusal.challenge or {} for refusal in refusals]
    ages = [int(one["max_age"]) for one in asked if "max_age" in one]
    levels = [one["acr_values"] for one in asked if "acr_values" in one]
    return InsufficientUserAuthentication(
        max_age=min(ages) if ages else None,
        acr_values=max(levels, key=_rank) if levels else None,
        detail="; ".join(refusal.detail for refusal in refusals if refusal.detail),
    )


def _rank(acr_values: str) -> int:
    return max((LEVELS.index(acr) for acr in acr_values.split() if acr in LEVELS), default=-1)


def _scopes(refusals: list[Refusal]) -> list[str]:
    return [scope for refusal in refusals if refusal.challenge and (scope := refusal.challenge.get("scope"))]


def _words(refusals: list[Refusal], between: str) -> str | None:
    """What several refusals say together; None where one of them says something else than what is needed."""
    said = [refusal.description.removesuffix(".") for refusal in refusals]
    if not all(words.startswith(_NEEDS) for words in said):
        return None
    return f"{_NEEDS}{between.join(words.removeprefix(_NEEDS) for words in said)}."


def _parameter(name: str, annotation: Any, *, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=annotation, default=default)
