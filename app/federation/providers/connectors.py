"""The connectors of this process, by what they speak."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from app.federation.connector import Connector, ConnectorKind, InvalidConfiguration
from app.federation.providers.errors import InvalidIdentityProvider


@runtime_checkable
class HoldsConnections(Protocol):
    """A connector that has something to let go of."""

    async def close(self) -> None:
        """Let go of it."""
        ...


@runtime_checkable
class KnowsPresets(Protocol):
    """A connector that knows some providers by name."""

    @property
    def presets(self) -> Mapping[ConnectorKind, Sequence[str]]:
        """Their names, by the kind that they are set up with."""
        ...


class Connectors:
    """Finds the connector of a connection. Raises ValueError where two speak the same."""

    def __init__(self, connectors: Iterable[Connector]) -> None:
        self._by_kind: dict[ConnectorKind, Connector] = {}
        for connector in connectors:
            for kind in connector.kinds:
                if kind in self._by_kind:
                    raise ValueError(f"two connectors speak {kind.value}")
                self._by_kind[kind] = connector

    @property
    def kinds(self) -> tuple[ConnectorKind, ...]:
        """What this process speaks."""
        return tuple(self._by_kind)

    @property
    def presets(self) -> Sequence[tuple[str, ConnectorKind]]:
        """The providers that are known by name, each with the kind that it is set up with."""
        known = [one.presets for one in self._each() if isinstance(one, KnowsPresets)]
        return sorted((name, kind) for presets in known for kind, names in presets.items() for name in names)

    async def close(self) -> None:
        """Let go of what connectors hold."""
        for connector in self._each():
            if isinstance(connector, HoldsConnections):
                await connector.close()

    def _each(self) -> Iterable[Connector]:
        return {id(one): one for one in self._by_kind.values()}.values()

    def of(self, kind: ConnectorKind) -> Connector:
        """The connector that speaks this. Raises InvalidIdentityProvider."""
        connector = self._by_kind.get(kind)
        if connector is None:
            words = f"This deployment speaks {', '.join(sorted(self._by_kind)) or 'to no provider'}."
            raise InvalidIdentityProvider(words, faults=[("/kind", words)])
        return connector

    def check(self, kind: ConnectorKind, preset: str | None, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """The configuration with its defaults filled in. Raises InvalidIdentityProvider, which names the member."""
        try:
            return self.of(kind).check(kind, preset, config)
        except InvalidConfiguration as error:
            pointer = _pointer(error.member)
            words = str(error)
            raise InvalidIdentityProvider(f"{pointer[1:]}: {words}", faults=[(pointer, words)]) from None


def _pointer(member: str) -> str:
    """Where a member stands in the body. Spec: RFC 6901 §3."""
    if member in {"preset", "kind", "secret"}:
        return f"/{member}"
    path = "/".join(part.replace("~", "~0").replace("/", "~1") for part in member.split("."))
    return f"/config/{path}"
