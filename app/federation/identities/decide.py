"""What becomes of an identity that a provider vouches for: find, link, create or refuse. Pure rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.federation.connector import FederatedIdentity, Linking, Policy
from app.users.email import EmailKey, find_key, is_same_mailbox
from app.users.user import User


class How(StrEnum):
    """How an identity came to its user: in tables and events."""

    CREATED = "created"
    VERIFIED_EMAIL = "verified_email"
    ACCOUNT = "account"


class Reason(StrEnum):
    """Why an identity opens nothing here. What its person is told is chosen by it."""

    INACTIVE = "inactive"
    """Its user is suspended, or has closed the account."""
    NO_ACCOUNT = "no_account"
    """It belongs to nobody, and the connection makes no accounts."""
    NO_ADDRESS = "no_address"
    """It belongs to nobody, and without a mail address there is no account."""
    LINK_FIRST = "link_first"
    """Its mail address is an account's: whoever owns that signs in there, and links it."""
    UNCONFIRMED = "unconfirmed"
    """Nobody has proven that its mail address is theirs. Said alike whether the address has an account or not."""
    TAKEN = "taken"
    """It belongs to another user than the one who wants to link it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignsIn:
    """The identity is this user's. With `proves_address` the provider has verified the very address of the account."""

    user: User
    proves_address: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The identity becomes this user's."""

    user: User
    how: How


@dataclass(frozen=True, slots=True, kw_only=True)
class Creates:
    """A user is made. `verified` says that the address counts as theirs; one who `waits` must prove it first."""

    verified: bool
    waits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuses:
    """The identity opens nothing."""

    reason: Reason


Decision = SignsIn | Links | Creates | Refuses


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What this service knows of an identity: whose it is, and whose account has its mail address.

    `is_anothers` says that the issuer's and subject's names were linked by a connection of another kind. A provider may
    bear one name in two protocols and call its people by something else in each, even by what they chose themselves
    (Keycloak: the id by OpenID Connect, the user name by SAML): nobody there is known to be the same person.
    """

    linked: User | None = None
    owner: User | None = None
    is_anothers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What this deployment asks: a `verified_email` before a sign-in, and whether it `hides_existence`."""

    verified_email: bool
    hides_existence: bool


def key_of(identity: FederatedIdentity) -> EmailKey | None:
    """The key of an identity's mail address; None where it has none that could be one."""
    return None if identity.email is None else find_key(identity.email)


def decide(identity: FederatedIdentity, policy: Policy, known: Known, demands: Demands) -> Decision:
    """What a sign-in by this identity comes to. Only (issuer, subject) says who it is, once it is linked."""
    if known.linked is not None:
        return Refuses(reason=Reason.NO_ACCOUNT) if known.is_anothers else _known(identity, known.linked, demands)
    key = key_of(identity)
    if key is None:
        return Refuses(reason=Reason.NO_ADDRESS if policy.creates_users else Reason.NO_ACCOUNT)
    owner = known.owner
    if owner is not None and _may_link(identity, policy, owner):
        return Links(user=owner, how=How.VERIFIED_EMAIL) if owner.is_active else Refuses(reason=Reason.INACTIVE)
    if owner is not None:
        return Refuses(reason=_belongs_to_another(identity, policy, demands))
    if not policy.creates_users:
        return Refuses(reason=Reason.NO_ACCOUNT)
    verified = identity.email_verified or _is_vouched_by_domain(identity.claims, policy, key)
    return Creates(verified=verified, waits=demands.verified_email and not verified)


def decide_link(known: Known, wanted_by: User) -> Decision:
    """What it comes to that a signed-in user wants an identity for theirs, whatever its mail address."""
    if not wanted_by.is_active:
        return Refuses(reason=Reason.INACTIVE)
    if known.is_anothers:
        return Refuses(reason=Reason.TAKEN)
    if known.linked is None:
        return Links(user=wanted_by, how=How.ACCOUNT)
    return SignsIn(user=wanted_by) if known.linked.id == wanted_by.id else Refuses(reason=Reason.TAKEN)


def _known(identity: FederatedIdentity, user: User, demands: Demands) -> Decision:
    if not user.is_active:
        return Refuses(reason=Reason.INACTIVE)
    proves = not user.is_verified and _is_verified_as(identity, user)
    if demands.verified_email and not user.is_verified and not proves:
        return Refuses(reason=Reason.UNCONFIRMED)
    return SignsIn(user=user, proves_address=proves)


def _may_link(identity: FederatedIdentity, policy: Policy, owner: User) -> bool:
    """Both sides have verified the address, and policy takes that for enough: anything less lets a stranger in."""
    return policy.linking is Linking.VERIFIED_EMAIL and owner.is_verified and _is_verified_as(identity, owner)


def _is_verified_as(identity: FederatedIdentity, user: User) -> bool:
    """Whether the provider has verified the very address of the user, and not one that is only folded into it."""
    email = identity.email
    return identity.email_verified is True and email is not None and is_same_mailbox(email, user.email)


def _belongs_to_another(identity: FederatedIdentity, policy: Policy, demands: Demands) -> Reason:
    if identity.email_verified or not demands.hides_existence:
        # Whoever owns the mailbox may know of the account.
        return Reason.LINK_FIRST
    # The same as for an address without an account.
    return Reason.UNCONFIRMED if policy.creates_users else Reason.NO_ACCOUNT


def _is_vouched_by_domain(claims: Mapping[str, object], policy: Policy, key: EmailKey) -> bool:
    """Whether the operator has given the address's domain to this provider, which does not say otherwise.

    Many a company's provider has no such claim; one that says false means it.
    """
    if "email_verified" in claims:
        return False
    return key.rpartition("@")[2] in {domain.lower() for domain in policy.domains}
