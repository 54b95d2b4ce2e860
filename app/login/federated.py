"""Signing in on another provider's word."""

from dataclasses import dataclass
from datetime import datetime

from app.audiences.service import Audiences
from app.federation.identities.service import Vouched
from app.foundation.browser import BrowserSignIn
from app.foundation.db import Database
from app.foundation.origin import Origin
from app.grants.mint import IssuedTokens
from app.login import store
from app.login.sign_in import SignIn, Target
from app.protocols.assurance import ACR, Evidence, assurance_of
from app.users.user import User

EVIDENCE = Evidence(amr=("fed",))
"""What a provider's word amounts to: one factor, whatever it asked for there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FederatedLogin:
    """Who comes, and on whose word. `acr` and `proven_at` are as in `Target`."""

    user: User
    vouched: Vouched
    browser: BrowserSignIn
    acr: ACR | None = None
    proven_at: datetime | None = None


class FederatedSignIn:
    """A provider's word as the first factor, into a browser's session. Who the person is here was decided before."""

    def __init__(self, db: Database, *, audiences: Audiences, sign_in: SignIn) -> None:
        self._db = db
        self._audiences = audiences
        self._sign_in = sign_in

    async def go_on(self, login: FederatedLogin, origin: Origin) -> IssuedTokens | None:
        """Open the session and return its tokens, for this service itself; None where the user may not act any more.

        Raises MFARequired where a second factor comes next, DatabaseUnavailable.
        """
        row = await self._db.fetchrow(store.FIND_BY_ID, login.user.id, repeatable=True)
        if row is None:
            return None
        candidate = store.candidate_of(row)
        if not candidate.user.is_active or candidate.user.credentials_version != login.user.credentials_version:
            return None
        target = Target(
            audience=await self._audiences.resolve(None),
            requested=None,
            browser=login.browser,
            acr=login.acr,
            vouched=login.vouched,
            proven_at=login.proven_at,
        )
        return await self._sign_in.go_on(candidate, assurance_of(EVIDENCE), target, origin)
