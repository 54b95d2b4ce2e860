"""Looking audiences up."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Protocol

from app.audiences import rules, store
from app.audiences.definition import AudienceDefinition
from app.audiences.errors import AudienceNotFound, InvalidTarget
from app.audiences.own import OWN_SCOPES, SELF, USERINFO, USERINFO_PATH
from app.foundation.db import Database, Transaction
from app.foundation.errors import StartupRefused, Unavailable
from app.foundation.snapshot import Snapshot
from app.protocols.jose.algorithms import Algorithm

# Asking for names that do not exist makes each process read the registry at most this often.
LEAST_SECONDS_BETWEEN_MISSES = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceView:
    """An audience as tokens need it.

    `name` is the stored name, `aud` what its tokens say. `scopes` maps each scope to the permission it needs,
    or to None where every user holds it. `access_token_seconds` is None where the deployment's default applies.
    `resources` are the URIs by which it may be asked for as well.
    """

    name: str
    aud: str
    algorithm: Algorithm
    access_token_seconds: int | None = None
    claims: tuple[str, ...] = ()
    scopes: Mapping[str, str | None] = field(default_factory=dict)
    required_acr: str | None = None
    resources: tuple[str, ...] = ()


class KeySets(Protocol):
    """What can make sure that this process has keys of an algorithm."""

    async def ensure(self, algorithm: Algorithm) -> None:
        """Make a key set where there is none; costs nothing where this process holds one."""
        ...


class Audiences:
    """The registry of audiences, kept in memory; changes made elsewhere are seen within two seconds."""

    def __init__(self, db: Database, key_sets: KeySets, *, issuer: str, default_algorithm: Algorithm) -> None:
        self._key_sets = key_sets
        self._issuer = issuer
        self._default_algorithm = default_algorithm
        self._own = AudienceView(name=SELF, aud=issuer, algorithm=default_algorithm, scopes=OWN_SCOPES)
        self.userinfo = AudienceView(name=USERINFO, aud=issuer + USERINFO_PATH, algorithm=default_algorithm)
        self._views = Snapshot[Mapping[str, AudienceView]](
            db, store.REGISTRY, self._parse, empty={}, prepare=self._have_keys
        )

    async def resolve(self, audience: str | None) -> AudienceView:
        """The audience that a caller asks for; this service itself where none is asked, or the issuer.

        Raises InvalidTarget for a name that is not registered. Spec: RFC 8707 §2.
        """
        if audience is None or audience == self._issuer:
            return self._own
        return await self._look_up(audience)

    async def resolve_resource(self, uri: str) -> AudienceView:
        """The audience that has this resource URI; its tokens then say the URI. Raises InvalidTarget.

        Compared as a whole string. The issuer is this service's own URI. Spec: RFC 8707 §2.
        """
        if uri == self._issuer:
            return self._own
        if uri == self.userinfo.aud:
            return self.userinfo
        view = self._by_resource(self._views.value, uri)
        if view is None and rules.is_resource(uri):
            await self._views.load_unless(
                lambda views: self._by_resource(views, uri) is not None, least_seconds=LEAST_SECONDS_BETWEEN_MISSES
            )
            view = self._by_resource(self._views.value, uri)
        if view is None:
            raise InvalidTarget("There is no audience with that resource.")
        return replace(view, aud=uri)

    async def get(self, name: str) -> AudienceView:
        """The audience stored under that name, this service and its UserInfo endpoint too. Raises InvalidTarget."""
        if name == USERINFO:
            return self.userinfo
        return self._own if name == SELF else await self._look_up(name)

    def aud_of(self, name: str) -> str:
        """What tokens for the audience of that stored name say."""
        if name == USERINFO:
            return self.userinfo.aud
        return self._own.aud if name == SELF else name

    async def refresh(self) -> None:
        """Read the registry now. Raises DatabaseUnavailable and keeps the last reading."""
        await self._views.load()

    async def follow(self) -> None:
        """Keep the registry fresh for as long as the process lives: the coroutine of a background task."""
        await self._views.follow()

    async def require(self, tx: Transaction, name: str) -> None:
        """Refuse a stored name that is neither registered nor this service itself. Raises AudienceNotFound."""
        if name != SELF and not (rules.is_name(name) and await store.exists(tx, name)):
            raise AudienceNotFound("There is no audience of that name.")

    async def show(self, tx: Transaction, name: str) -> AudienceDefinition:
        """An audience as it was defined. Raises AudienceNotFound."""
        stored = await store.find(tx, name) if rules.is_name(name) else None
        if stored is None:
            raise AudienceNotFound("There is no audience of that name.")
        return stored.definition

    async def list_all(self, tx: Transaction) -> list[AudienceDefinition]:
        """Every registered audience, by name."""
        return [stored.definition for stored in await store.list_all(tx)]

    @staticmethod
    def _by_resource(views: Mapping[str, AudienceView], uri: str) -> AudienceView | None:
        return next((view for view in views.values() if uri in view.resources), None)

    async def _look_up(self, name: str) -> AudienceView:
        view = self._views.value.get(name)
        if view is None and rules.is_name(name):
            await self._views.load_unless(lambda views: name in views, least_seconds=LEAST_SECONDS_BETWEEN_MISSES)
            view = self._views.value.get(name)
        if view is None:
            raise InvalidTarget("There is no audience of that name.")
        return view

    async def _have_keys(self, views: Mapping[str, AudienceView]) -> None:
        # An audience may have been given an algorithm elsewhere a moment ago: its tokens must not be asked for
        # before this process holds the keys that sign them.
        try:
            for algorithm in {view.algorithm for view in views.values()} - {self._default_algorithm}:
                await self._key_sets.ensure(algorithm)
        except StartupRefused as error:
            raise Unavailable(detail=str(error)) from error

    def _parse(self, text: str) -> Mapping[str, AudienceView]:
        rows = json.loads(text)
        return MappingProxyType({row["name"]: self._view(row) for row in rows})

    def _view(self, row: Any) -> AudienceView:
        # `row` is JSON of our own statement.
        algorithm = row["signing_algorithm"]
        return AudienceView(
            name=row["name"],
            aud=row["name"],
            algorithm=Algorithm(algorithm) if algorithm else self._default_algorithm,
            access_token_seconds=row["access_token_seconds"],
            claims=tuple(row["claims"]),
            scopes=MappingProxyType(row["scopes"]),
            required_acr=row["required_acr"],
            resources=tuple(row["resources"]),
        )
