"""How far a sign-in at the pages has come, and which page comes next: values and pure rules."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a sign-in knows between two pages. It is kept encrypted.

    `email` is what was typed; `challenge` stands for a mailed code, asked for at `mailed_at`, in seconds since 1970;
    `mfa_token`, `second` and `factors` are the step that follows the first factor, `trust_seconds` how long this
    browser may be trusted after it, and `shown` what its page shows once begun; `recovery_codes` are not yet written
    down; `chosen` says that the person has said who they are, `other` that they are not who is signed in; `ui_locales`
    is the language that they chose here.
    """

    email: str | None = None
    challenge: str | None = field(default=None, repr=False)
    mfa_token: str | None = field(default=None, repr=False)
    second: str | None = None
    factors: tuple[str, ...] = ()
    trust_seconds: int = 0
    shown: Mapping[str, Any] | None = field(default=None, repr=False)
    recovery_codes: tuple[str, ...] = field(default=(), repr=False)
    chosen: bool = False
    other: bool = False
    ui_locales: str | None = None
    mailed_at: float = 0

    @classmethod
    def paused(cls, said: Mapping[str, Any], *, email: str, ui_locales: str | None) -> Self:
        """That of a sign-in whose first factor was right, by what `MFARequired` says of the step that comes next."""
        return cls(
            email=email,
            mfa_token=said["mfa_token"],
            second=said["step"],
            factors=tuple(said["factors"]),
            trust_seconds=said.get("trust_seconds", 0),
            ui_locales=ui_locales,
        )

    def sealable(self) -> bytes:
        """The bytes that are encrypted."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def of(cls, plaintext: bytes) -> Self:
        """The progress in decrypted bytes."""
        members = json.loads(plaintext)
        return cls(**{**members, **{name: tuple(members[name]) for name in ("factors", "recovery_codes")}})


class Screen(StrEnum):
    """The pages of a sign-in."""

    DONE = "done"
    CODES = "codes"
    CHOOSE = "choose"
    VERIFY = "verify"
    ENROL = "enrol"
    AGAIN = "again"
    PROVE = "prove"
    IDENTIFY = "identify"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a live session means for a sign-in: whether it suffices, and whether it can be renewed until it does."""

    suffices: bool
    renewable: bool


def screen_of(progress: Progress, standing: Standing | None, *, choose: bool, offered: bool = False) -> Screen:
    """The page that comes next; `standing` is None where nobody is signed in who could be meant.

    With `offered` the browser knows accounts of which the person shall say one.

    Whoever is meant and lacks what is required signs in from the beginning, and enrols it on the way.
    """
    if progress.recovery_codes:
        return Screen.CODES
    if progress.mfa_token is not None:
        return Screen.ENROL if progress.second == "enrol" else Screen.VERIFY
    if progress.email is not None:
        return Screen.PROVE
    if standing is None or progress.other:
        return Screen.CHOOSE if offered and not progress.other else Screen.IDENTIFY
    return _screen_of_session(standing, ask=choose and not progress.chosen)


def _screen_of_session(standing: Standing, *, ask: bool) -> Screen:
    if ask:
        return Screen.CHOOSE
    if standing.suffices:
        return Screen.DONE
    return Screen.AGAIN if standing.renewable else Screen.PROVE
