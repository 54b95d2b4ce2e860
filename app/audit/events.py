"""What happened to the log itself, and to the ways in which we tell people what happened."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class MailUndeliverable(Event):
    """A mail could not be delivered and is given up. `reason` names a step and a code, never an address."""

    type: ClassVar[str] = "mail.undeliverable"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    mail_id: str
    template: str
    user_id: str | None
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRead(Event):
    """Somebody read the log. `filter` says what they asked for, `entries` how many they saw."""

    type: ClassVar[str] = "audit.read"

    filter: Mapping[str, str]
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditExported(Event):
    """Somebody began to carry the log away. `filter` says which part."""

    type: ClassVar[str] = "audit.exported"

    format: str
    filter: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditErased(Event):
    """What was personal in the entries about a subject was taken away; the entries stay in the chain."""

    type: ClassVar[str] = "audit.erased"

    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditTrimmed(Event):
    """A month of the log was dropped, because it is not to be kept longer. `last_number` is its last in the chain."""

    type: ClassVar[str] = "audit.trimmed"

    partition: str
    entries: int
    last_number: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRestored(Event):
    """An operator said that a backup was restored: what was issued before `not_before` counts no more."""

    type: ClassVar[str] = "service.restored"

    not_before: str
    changed: Mapping[str, int]
