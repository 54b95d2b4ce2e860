"""Where else somebody may sign out: at the provider that vouched for them in this very session."""

from dataclasses import dataclass

from app.federation.connector import ConnectorKind
from app.federation.identities.service import Identities
from app.federation.providers.errors import IdentityProviderNotFound
from app.federation.providers.service import IdentityProviders
from app.federation.saml.logout import SAMLLogout
from app.foundation.db import Database

LOGOUT_AT = "/auth/saml/{connection}/logout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """A provider whose session may be ended together with ours, at a path of ours."""

    name: str
    path: str


class SignOutElsewhere:
    """Finds it. Only SAML has a sign-out that the browser carries there and that is answered."""

    def __init__(self, db: Database, identities: Identities, providers: IdentityProviders, saml: SAMLLogout) -> None:
        self._db = db
        self._identities = identities
        self._providers = providers
        self._saml = saml

    async def of(self, sid: str) -> Elsewhere | None:
        """The provider behind a session, where it takes part in sign-outs. Raises DatabaseUnavailable."""
        async with self._db.transaction() as tx:
            behind = await self._identities.session_behind(tx, sid)
        if behind is None:
            return None
        try:
            connection = await self._providers.get(None, behind[0])
        except IdentityProviderNotFound:
            return None
        if connection.kind is not ConnectorKind.SAML or await self._saml.place(connection) is None:
            return None
        return Elsewhere(name=connection.name, path=LOGOUT_AT.format(connection=connection.id))
