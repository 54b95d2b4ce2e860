"""Single logout: a provider ends sessions of ours, and whoever signs out here may do so there too."""

from dataclasses import dataclass

from app.brokering.case import Leave
from app.brokering.logout import UpstreamLogouts
from app.federation.connector import Connection, Departure, SignInRefused
from app.federation.identities.service import Identities
from app.federation.saml.logout import Incoming, SAMLLogout
from app.foundation.db import Database
from app.foundation.errors import BadRequest
from app.foundation.origin import Origin
from app.foundation.secrets import random_id
from app.grants.by_cookie import BrowserInspection
from app.logout.service import BrowserSignOut, SignedOut
from app.protocols.trace import Trace


class InvalidLogoutMessage(BadRequest):
    """A logout message was not the provider's, or not for here and now. It changed nothing."""

    code, title = "invalid_saml_logout", "This logout message does not count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Somebody has signed out here. `there` is where the browser goes so that the provider's session ends too."""

    done: SignedOut
    there: Leave | None = None


class SAMLSignOut:
    """Takes logout messages, and sends them."""

    def __init__(
        self,
        db: Database,
        *,
        logout: SAMLLogout,
        logouts: UpstreamLogouts,
        identities: Identities,
        browsers: BrowserInspection,
        sign_out: BrowserSignOut,
    ) -> None:
        self._db = db
        self._logout = logout
        self._logouts = logouts
        self._identities = identities
        self._browsers = browsers
        self._sign_out = sign_out

    async def hear(self, connection: Connection, incoming: Incoming, origin: Origin) -> Leave | None:
        """End the sessions that a provider's request names; where the browser goes with our answer, if anywhere.

        Raises InvalidLogoutMessage, and then nothing has changed; DatabaseUnavailable.
        """
        try:
            signed_out = await self._logout.receive(connection, incoming, Trace())
        except SignInRefused as refused:
            await self._logouts.note_refused(connection, refused, origin)
            raise InvalidLogoutMessage(detail=str(refused)) from refused
        for each in signed_out.sessions:
            await self._logouts.end(connection.id, each, origin)
        return _leave(await self._logout.answer(connection, signed_out))

    async def place(self, connection: Connection) -> str | None:
        """Where `leave` would send a browser; None where the provider takes no part."""
        return await self._logout.place(connection)

    async def is_signed_in(self, raw_session: str | None) -> bool:
        """Whether the browser has a live session."""
        return raw_session is not None and await self._browsers.find_live(raw_session) is not None

    async def leave(self, connection: Connection, raw_session: str | None, origin: Origin) -> Left:
        """End the browser's session, and say where it goes so that the one there ends too."""
        caller = None if raw_session is None else await self._browsers.find_live(raw_session)
        if caller is None:
            return Left(done=SignedOut())
        async with self._db.transaction() as tx:
            behind = await self._identities.session_behind(tx, caller.context.sid)
        done = await self._sign_out.sign_out(caller.context.sid, sub=caller.sub, origin=origin)
        if behind is None or behind[0] != connection.id:
            return Left(done=done)
        try:
            return Left(done=done, there=_leave(await self._logout.begin(connection, behind[1], random_id())))
        except SignInRefused:
            # Whoever signs out is signed out here, whatever becomes of the provider.
            return Left(done=done)

    async def answered(self, connection: Connection, incoming: Incoming, origin: Origin) -> None:
        """Hear what became of our request; nothing depends on it here. Raises InvalidLogoutMessage."""
        try:
            await self._logout.finish(connection, incoming, Trace())
        except SignInRefused as refused:
            await self._logouts.note_refused(connection, refused, origin)
            raise InvalidLogoutMessage(detail=str(refused)) from refused


def _leave(departure: Departure | None) -> Leave | None:
    return None if departure is None else Leave(url=departure.url, fields=departure.fields)
