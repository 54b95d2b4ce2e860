"""What an app asks for when it sends a browser to `start`: checked before anything leaves this service."""

from collections.abc import Mapping

from app.audiences.errors import InvalidTarget
from app.audiences.service import Audiences
from app.brokering import store
from app.brokering.case import Purpose, Wanted
from app.foundation.db import Database
from app.protocols.oauth.pkce import is_challenge
from app.protocols.oauth.redirect_uri import MAX_CHARACTERS
from app.protocols.trace import Trace, masked

MAX_STATE_CHARACTERS = 512
MAX_HINT_CHARACTERS = 254
RETURN_TO = "return_to"


class AppRequests:
    """Judges what apps ask for. Only the operator's own may: their people are asked for no consent."""

    def __init__(self, db: Database, audiences: Audiences) -> None:
        self._db = db
        self._audiences = audiences

    async def judge(self, asked: Mapping[str, str], trace: Trace) -> Wanted | None:
        """What an app may have, or None where a check did not pass: then nothing of it is to be believed.

        `return_to` is compared as a whole string with the redirect URIs of enabled clients that an operator vouches
        for. Spec: RFC 9700 §4.1.3.
        """
        return_to = asked.get(RETURN_TO, "")
        row = None
        if 0 < len(return_to) <= MAX_CHARACTERS:
            row = await self._db.fetchrow(store.FIRST_PARTY, return_to, repeatable=True)
        expected = "the redirect URI of an enabled client that was created with --trusted"
        if not trace.check(RETURN_TO, row is not None, expected=expected, received=return_to) or row is None:
            return None
        challenge, state = asked.get("code_challenge", ""), asked.get("state")
        is_right = trace.check(
            "code_challenge", is_challenge(challenge), expected="43 characters of base64url", received=masked(challenge)
        )
        method = asked.get("code_challenge_method", "S256")
        is_right &= trace.check("code_challenge_method", method == "S256", expected="S256", received=method)
        fits = state is None or (0 < len(state) <= MAX_STATE_CHARACTERS and state.isprintable())
        expected = f"at most {MAX_STATE_CHARACTERS} printable characters"
        is_right &= trace.check("state", fits, expected=expected, received=masked(state))
        audience = await self._audience(asked.get("audience"), trace)
        if not is_right or audience is None:
            return None
        return Wanted(
            purpose=Purpose.RETURN,
            return_to=return_to,
            client_id=row["client_id"],
            client_name=row["name"],
            state=state,
            challenge=challenge,
            audience=audience,
            login_hint=hint_of(asked.get("login_hint")),
        )

    async def _audience(self, named: str | None, trace: Trace) -> str | None:
        """The stored name of an audience; this service itself where none is named."""
        try:
            found = (await self._audiences.resolve(named)).name
        except InvalidTarget:
            found = None
        trace.check("audience", found is not None, expected="a registered audience, or none", received=named)
        return found


def hint_of(told: str | None) -> str | None:
    """A hint as it may be passed on to a provider; None for what is none."""
    return told if told and len(told) <= MAX_HINT_CHARACTERS and told.isprintable() else None
