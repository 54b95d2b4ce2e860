"""What a sign-in at the pages must come to, and whether a session does: values and pure rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.protocols.assurance import ACR, satisfies


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientShown:
    """The app that a sign-in is for, as its pages show it.

    `logo_path` is where this service shows its picture. `redirect_origin` is where the browser goes in the end
    (`https://app.example.com`, or `com.example.app:` of a native app): the one foreign place to which a form of these
    pages may lead.
    """

    name: str
    logo_path: str | None = None
    client_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    redirect_origin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRequirements:
    """What is asked of a sign-in.

    `acr` how well the person must prove who they are; `signed_in_after` since when at the earliest; `sub` who alone it
    may be; `choose` that they say so even if they are signed in. `login_hint` and `ui_locales` are wishes.
    """

    acr: ACR | None = None
    signed_in_after: datetime | None = None
    login_hint: str | None = None
    sub: str | None = None
    ui_locales: str | None = None
    choose: bool = False
    client: ClientShown | None = None

    def are_met(self, *, sub: str, auth_time: datetime, acr: str) -> bool:
        """Whether a live session suffices, apart from `choose`."""
        if self.sub is not None and sub != self.sub:
            return False
        if self.acr is not None and not satisfies(acr, self.acr):
            return False
        return self.signed_in_after is None or auth_time >= self.signed_in_after

    def as_json(self) -> dict[str, Any]:
        """The requirements as their row keeps them."""
        client = self.client
        shown = None if client is None else {name: getattr(client, name) for name in ClientShown.__slots__}
        after = self.signed_in_after
        return {
            "acr": self.acr.value if self.acr is not None else None,
            "signed_in_after": after.astimezone(UTC).isoformat() if after is not None else None,
            "login_hint": self.login_hint,
            "sub": self.sub,
            "ui_locales": self.ui_locales,
            "choose": self.choose,
            "client": shown,
        }

    @classmethod
    def of(cls, members: Mapping[str, Any]) -> "SignInRequirements":
        """The requirements that a row keeps."""
        acr, after, client = members["acr"], members["signed_in_after"], members["client"]
        return cls(
            acr=ACR(acr) if acr is not None else None,
            signed_in_after=datetime.fromisoformat(after) if after is not None else None,
            login_hint=members["login_hint"],
            sub=members["sub"],
            ui_locales=members["ui_locales"],
            choose=members["choose"],
            client=ClientShown(**client) if client is not None else None,
        )
