"""The accounts that were signed in at a browser: kept by that browser alone, in a cookie that only we can read.

No row of ours says who uses which browser, and what another browser has is never looked at. They are words on a page
and open nothing: whoever picks one signs in like anybody who types its address.
"""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.responses import Response

from app.factors.factor import FactorName
from app.foundation.cookies import Cookies
from app.foundation.encryption import DecryptionFailed, Keyring
from app.users.email import find_key
from app.users.user import User

_PURPOSE, _PLACE = "accounts of a browser", "cookie"
_KEPT_SECONDS = 90 * 86_400
_MAX_NAME_CHARACTERS = 80
_EVERYDAY = frozenset({FactorName.TOTP, FactorName.PASSKEY, FactorName.EMAIL_CODE})
# A browser keeps 4096 characters of a cookie with its name and attributes.
_MAX_CHARACTERS = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAccount:
    """An account as it was called when it was signed in here last."""

    email: str
    name: str | None


class KnownAccounts:
    """Reads and writes the cookie. `most` is how many accounts it holds at most; with 0 none is remembered."""

    def __init__(self, keyring: Keyring, *, most: int) -> None:
        self._keyring = keyring
        self._most = most

    def of(self, connection: HTTPConnection, cookies: Cookies) -> tuple[KnownAccount, ...]:
        """The accounts of this browser, the last used first; none in a cookie that is not ours or no longer opens."""
        held = cookies.find(connection, cookies.accounts)
        if held is None or not self._most or len(held) > _MAX_CHARACTERS:
            return ()
        try:
            sealed = base64.urlsafe_b64decode(held + "=" * (-len(held) % 4))
            listed = json.loads(self._keyring.decrypt(sealed, purpose=_PURPOSE, bound_to=_PLACE))
        except (DecryptionFailed, ValueError):
            return ()
        return tuple(KnownAccount(email=email, name=name) for email, name in listed[: self._most])

    def remember(self, known: Iterable[KnownAccount], user: User, response: Response, cookies: Cookies) -> None:
        """Have the browser keep this account before the others."""
        name = None if user.name is None else user.name[:_MAX_NAME_CHARACTERS]
        others = (each for each in known if not is_same(each.email, user.email))
        self.put((KnownAccount(email=user.email, name=name), *others), response, cookies)

    def remember_provider(self, provider_id: str, response: Response, cookies: Cookies) -> None:
        """Have the browser keep by which provider it came last, for the mark beside its button."""
        if self._most:
            cookies.put(response, cookies.provider, provider_id, max_age_seconds=_KEPT_SECONDS)

    def remember_factor(self, name: str, response: Response, cookies: Cookies) -> None:
        """Have the browser keep by which factor somebody confirmed here last. Recovery codes are for emergencies."""
        if self._most and name in _EVERYDAY:
            cookies.put(response, cookies.factor, name, max_age_seconds=_KEPT_SECONDS)

    def put(self, accounts: Iterable[KnownAccount], response: Response, cookies: Cookies) -> None:
        """Have the browser keep these, as many as fit."""
        kept = list(accounts)[: self._most]
        while kept and len(value := self._sealed(kept)) > _MAX_CHARACTERS:
            kept.pop()
        if kept:
            cookies.put(response, cookies.accounts, value, max_age_seconds=_KEPT_SECONDS)
        else:
            response.delete_cookie(cookies.accounts, path="/", secure=cookies.secure, httponly=True, samesite="lax")

    def _sealed(self, accounts: Iterable[KnownAccount]) -> str:
        listed = json.dumps([[account.email, account.name] for account in accounts]).encode()
        sealed = self._keyring.encrypt(listed, purpose=_PURPOSE, bound_to=_PLACE)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def is_same(one: str, other: str) -> bool:
    """Whether two addresses are the same account's."""
    return find_key(one) == find_key(other)
