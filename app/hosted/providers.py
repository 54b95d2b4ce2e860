"""The buttons of other identity providers on the sign-in pages, and the way to each."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from app.federation.connector import Connection
from app.federation.providers.service import IdentityProviders
from app.foundation.errors import Unavailable
from app.hosted.visit import Visit

START_PATH = "/auth/oauth/{provider}/start"
SHOWN_AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class Button:
    """A provider as the pages show it."""

    name: str
    path: str
    mark: str


@dataclass(frozen=True, slots=True)
class Buttons:
    """The first few, and the others behind "More ways"."""

    first: Sequence[Button] = ()
    more: Sequence[Button] = ()


def start_path(provider_id: str, *, flow_id: str | None) -> str:
    """Where the browser begins to sign in by a provider, and from which sign-in at the pages."""
    path = START_PATH.format(provider=provider_id)
    return path if flow_id is None else f"{path}?{urlencode({'flow': flow_id})}"


async def buttons_of(visit: Visit) -> Buttons:
    """The buttons of this sign-in's page; none while the registry cannot be read."""
    try:
        shown = await visit.service(IdentityProviders).shown()
    except Unavailable:
        return Buttons()
    buttons = [_button(visit, connection) for connection in shown]
    return Buttons(buttons[:SHOWN_AT_ONCE], buttons[SHOWN_AT_ONCE:])


async def provider_for(visit: Visit, email: str) -> Connection | None:
    """The provider whose people have addresses of this domain, if any."""
    return await visit.service(IdentityProviders).for_domain(email.rpartition("@")[2])


def _button(visit: Visit, connection: Connection) -> Button:
    flow_id = None if visit.flow is None else visit.flow.id
    return Button(connection.name, start_path(connection.id, flow_id=flow_id), "company")
