"""The buttons of other identity providers on the sign-in pages, and the way to each."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlencode

from app.federation.connector import Connection
from app.federation.providers.service import IdentityProviders
from app.foundation.cookies import Cookies
from app.foundation.errors import Unavailable
from app.hosted.visit import Visit

START_PATH = "/auth/oauth/{provider}/start"
SHOWN_AT_ONCE = 5

# Ours are drawings and no logos: what a provider asks of those who show its own is not for us to promise.
_MARKS = {"google": "google", "entra": "microsoft", "github": "github", "gitlab": "gitlab", "keycloak": "keycloak"}
# Of these the name is what people know, also where a company has its accounts there.
_KNOWN_BY_NAME = frozenset({"google", "github", "gitlab"})


class Wording(StrEnum):
    """What a button calls the account."""

    NAME = "name"
    """Sign in with Google."""
    COMPANY = "company"
    """Sign in with your company account: there is one company."""
    COMPANY_NAME = "company_name"
    """Sign in with your Corp account: there are several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A provider as the pages show it. `is_last_used` says that this browser came back from it last."""

    name: str
    path: str
    mark: str
    wording: Wording
    is_last_used: bool


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
    cookies = visit.service(Cookies)
    last = cookies.find(visit.request, cookies.provider)
    several = sum(map(_is_company, shown)) > 1
    buttons = [_button(visit, connection, last=last, several=several) for connection in shown]
    if any(button.is_last_used for button in buttons[SHOWN_AT_ONCE:]):
        # Whoever used it last does not look for it.
        buttons.sort(key=lambda button: not button.is_last_used)
    return Buttons(buttons[:SHOWN_AT_ONCE], buttons[SHOWN_AT_ONCE:])


async def provider_for(visit: Visit, email: str) -> Connection | None:
    """The provider whose people have addresses of this domain, if any."""
    return await visit.service(IdentityProviders).for_domain(email.rpartition("@")[2])


def mark_of(connection: Connection) -> str:
    """The icon of a provider: a neutral one where there is none of its own."""
    return _MARKS.get(connection.preset or "", "company")


def _is_company(connection: Connection) -> bool:
    return bool(connection.policy.domains) and connection.preset not in _KNOWN_BY_NAME


def _button(visit: Visit, connection: Connection, *, last: str | None, several: bool) -> Button:
    wording = Wording.COMPANY_NAME if several else Wording.COMPANY
    return Button(
        name=connection.name,
        path=start_path(connection.id, flow_id=None if visit.flow is None else visit.flow.id),
        mark=mark_of(connection),
        wording=wording if _is_company(connection) else Wording.NAME,
        is_last_used=connection.id == last,
    )
