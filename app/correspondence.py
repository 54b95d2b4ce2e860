"""Builds what is done by mail: the part of the wiring that sign-up, recovery and the account share."""

from dataclasses import dataclass

from app.apikeys.service import APIKeys
from app.audit.service import AuditLog
from app.factors.password.lockout import Lockout
from app.factors.password.service import Passwords
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.mail.outbox import Outbox
from app.lifecycle.interruption import Interruption
from app.lifecycle.provider_rights import ProviderRights
from app.lifecycle.second_factors import SecondFactors
from app.limits.service import Limits
from app.links.service import Links, WasntMe
from app.recovery.change import PasswordChange
from app.recovery.interrupt import OwnersInterruption
from app.recovery.notice import PasswordNotice
from app.recovery.service import PasswordRecovery, ResetMails
from app.registration.email_change import EmailChange
from app.registration.service import Registration
from app.registration.verification import EmailVerification
from app.sessions.service import Sessions
from app.users.service import Users


@dataclass(frozen=True, slots=True)
class Correspondence:
    """What is joined already, and is needed to write to people and to act on what they answer."""

    db: Database
    clock: Clock
    audit: AuditLog
    users: Users
    passwords: Passwords
    lockout: Lockout
    sessions: Sessions
    links: Links
    outbox: Outbox
    limits: Limits
    api_keys: APIKeys
    provider_rights: ProviderRights

    @property
    def wasnt_me(self) -> WasntMe:
        """The maker of the link in every security mail."""
        return WasntMe(self.links)

    @property
    def interruption(self) -> Interruption:
        """What ends everything in an account."""
        return Interruption(
            users=self.users,
            sessions=self.sessions,
            links=self.links,
            api_keys=self.api_keys,
            rights=self.provider_rights,
        )

    def registration(self, *, hide_existence: bool) -> Registration:
        """The sign-up."""
        return Registration(
            self.db,
            users=self.users,
            passwords=self.passwords,
            audit=self.audit,
            limits=self.limits,
            hide_existence=hide_existence,
        )

    @property
    def verification(self) -> EmailVerification:
        """The confirmation of addresses."""
        return EmailVerification(
            self.db, users=self.users, links=self.links, outbox=self.outbox, limits=self.limits, audit=self.audit
        )

    @property
    def email_change(self) -> EmailChange:
        """The change of an address."""
        return EmailChange(
            self.db,
            users=self.users,
            links=self.links,
            wasnt_me=self.wasnt_me,
            outbox=self.outbox,
            limits=self.limits,
            audit=self.audit,
        )

    @property
    def password_change(self) -> PasswordChange:
        """The change of a password that is known."""
        return PasswordChange(
            self.db,
            audit=self.audit,
            users=self.users,
            passwords=self.passwords,
            sessions=self.sessions,
            links=self.links,
            notice=self._notice,
            limits=self.limits,
        )

    @property
    def recovery(self) -> PasswordRecovery:
        """The forgotten password."""
        return PasswordRecovery(
            self.db,
            users=self.users,
            passwords=self.passwords,
            lockout=self.lockout,
            sessions=self.sessions,
            links=self.links,
            interruption=self.interruption,
            mails=self._reset_mails,
            notice=self._notice,
            limits=self.limits,
            audit=self.audit,
        )

    def owners_interruption(self, factors: SecondFactors) -> OwnersInterruption:
        """What "this was not me" does."""
        return OwnersInterruption(
            self.db,
            self.clock,
            users=self.users,
            links=self.links,
            interruption=self.interruption,
            factors=factors,
            mails=self._reset_mails,
            audit=self.audit,
        )

    @property
    def _reset_mails(self) -> ResetMails:
        return ResetMails(links=self.links, wasnt_me=self.wasnt_me, outbox=self.outbox)

    @property
    def _notice(self) -> PasswordNotice:
        return PasswordNotice(self.clock, self.audit, outbox=self.outbox, wasnt_me=self.wasnt_me)
