"""Handing all users out, a page at a time."""

import json
from collections.abc import AsyncIterator
from uuid import UUID

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.factors.password.service import Passwords
from app.foundation.db import Database
from app.foundation.origin import Origin
from app.groups.bulk import BulkMembers
from app.roles.bulk import BulkAssignments
from app.transfer.events import UsersExported
from app.transfer.line import as_line
from app.users.service import MAX_PAGE, Users


class UserExport:
    """Reads every user into lines that an import elsewhere understands. Secrets stay here, hashes unless asked for."""

    def __init__(
        self,
        db: Database,
        audit: AuditLog,
        *,
        users: Users,
        passwords: Passwords,
        roles: BulkAssignments,
        groups: BulkMembers,
    ) -> None:
        self._db = db
        self._audit = audit
        self._users = users
        self._passwords = passwords
        self._roles = roles
        self._groups = groups

    async def begin(self, *, with_hashes: bool, actor: Actor, origin: Origin) -> AsyncIterator[bytes]:
        """Record that all users are read, and return their lines in pieces, which are read as they are asked for.

        Each piece is true at one moment, the whole is not: who is made meanwhile comes last.
        """
        async with self._db.transaction() as tx:
            await self._audit.record(tx, UsersExported(actor=actor, origin=origin, with_hashes=with_hashes))
        return self._pieces(with_hashes=with_hashes)

    async def _pieces(self, *, with_hashes: bool) -> AsyncIterator[bytes]:
        after: UUID | None = None
        while True:
            async with self._db.transaction() as tx:
                users = await self._users.list(tx, limit=MAX_PAGE, after=after)
                ids = [user.id for user in users]
                roles = await self._roles.list_of(tx, ids)
                groups = await self._groups.list_of(tx, ids)
                hashes = await self._passwords.stored_of(tx, ids) if with_hashes else {}
            if users:
                lines = [
                    as_line(
                        user,
                        roles=roles.get(user.id, []),
                        groups=groups.get(user.id, []),
                        password_hash=hashes.get(user.id),
                    )
                    for user in users
                ]
                yield b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)
                after = ids[-1]
            if len(users) < MAX_PAGE:
                return
