"""Whose an identity is: every case of the rule in one table."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app.federation.connector import FederatedIdentity, Linking, Policy
from app.federation.identities.decide import (
    Creates,
    Decision,
    Demands,
    How,
    Known,
    Links,
    Reason,
    Refuses,
    SignsIn,
    decide,
    decide_link,
)
from app.users.user import User, UserStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OPEN = Demands(verified_email=False, hides_existence=False)
HIDING = Demands(verified_email=True, hides_existence=True)
VERIFIED_ONLY = Demands(verified_email=True, hides_existence=False)
NEVER, BY_MAIL = Policy(), Policy(linking=Linking.VERIFIED_EMAIL)
CLOSED, DOMAIN = Policy(creates_users=False), Policy(domains=("corp.example",))


def user(*, verified: bool = True, status: UserStatus = UserStatus.ACTIVE, email: str = "jo@corp.example") -> User:
    return User(
        id=uuid4(),
        sub=str(uuid4()),
        email=email,
        email_verified_at=NOW if verified else None,
        name=None,
        attributes={},
        status=status,
        credentials_version=0,
        created_at=NOW,
    )


def identity(email: str | None = "Jo@CORP.example", *, verified: bool = False, **claims: object) -> FederatedIdentity:
    return FederatedIdentity(
        connection_id="corp",
        issuer="https://id.corp.example",
        subject="1",
        email=email,
        email_verified=verified,
        claims=claims,
    )


JO, UNPROVEN = user(), user(verified=False)
SUSPENDED, CLOSED_ACCOUNT = user(status=UserStatus.SUSPENDED), user(status=UserStatus.CLOSED)
KIM, UNPROVEN_KIM = user(email="kim@corp.example"), user(email="kim@corp.example", verified=False)
VERIFIED = identity(verified=True, email_verified=True)


def refused(reason: Reason) -> Refuses:
    return Refuses(reason=reason)


CASES: dict[str, tuple[FederatedIdentity, Policy, Known, Demands, Decision]] = {
    "a linked one signs in": (identity(), NEVER, Known(linked=JO), HIDING, SignsIn(user=JO)),
    "whatever address it has by now": (
        identity("x@y.example"),
        NEVER,
        Known(linked=JO, owner=UNPROVEN),
        OPEN,
        SignsIn(user=JO),
    ),
    "also without any": (identity(None), CLOSED, Known(linked=JO), OPEN, SignsIn(user=JO)),
    "a suspended user's": (VERIFIED, BY_MAIL, Known(linked=SUSPENDED), OPEN, refused(Reason.INACTIVE)),
    "a closed account's": (VERIFIED, BY_MAIL, Known(linked=CLOSED_ACCOUNT), OPEN, refused(Reason.INACTIVE)),
    "an unproven address waits": (identity(), NEVER, Known(linked=UNPROVEN), HIDING, refused(Reason.UNCONFIRMED)),
    "unless nobody asks for that": (identity(), NEVER, Known(linked=UNPROVEN), OPEN, SignsIn(user=UNPROVEN)),
    "or the provider proves it": (
        VERIFIED,
        NEVER,
        Known(linked=UNPROVEN),
        HIDING,
        SignsIn(user=UNPROVEN, proves_address=True),
    ),
    "but not by another address": (
        identity("other@corp.example", verified=True),
        NEVER,
        Known(linked=UNPROVEN),
        HIDING,
        refused(Reason.UNCONFIRMED),
    ),
    "nor by one that is only folded into it": (
        identity("\N{KELVIN SIGN}im@corp.example", verified=True),
        NEVER,
        Known(linked=UNPROVEN_KIM),
        HIDING,
        refused(Reason.UNCONFIRMED),
    ),
    "linked by another protocol, whatever it says": (
        VERIFIED,
        BY_MAIL,
        Known(linked=JO, is_anothers=True),
        OPEN,
        refused(Reason.NO_ACCOUNT),
    ),
    "verified as somebody whose letters look alike": (
        identity("\N{KELVIN SIGN}im@corp.example", verified=True),
        BY_MAIL,
        Known(owner=KIM),
        HIDING,
        refused(Reason.LINK_FIRST),
    ),
    "both sides verified, and policy links": (
        VERIFIED,
        BY_MAIL,
        Known(owner=JO),
        HIDING,
        Links(user=JO, how=How.VERIFIED_EMAIL),
    ),
    "policy does not link": (VERIFIED, NEVER, Known(owner=JO), HIDING, refused(Reason.LINK_FIRST)),
    "we have not verified it": (VERIFIED, BY_MAIL, Known(owner=UNPROVEN), HIDING, refused(Reason.LINK_FIRST)),
    "they have not verified it": (identity(), BY_MAIL, Known(owner=JO), OPEN, refused(Reason.LINK_FIRST)),
    "and nobody learns that there is an account": (
        identity(),
        BY_MAIL,
        Known(owner=JO),
        HIDING,
        refused(Reason.UNCONFIRMED),
    ),
    "nor where no accounts are made": (
        identity(),
        Policy(creates_users=False, linking=Linking.VERIFIED_EMAIL),
        Known(owner=JO),
        HIDING,
        refused(Reason.NO_ACCOUNT),
    ),
    "the account is suspended": (VERIFIED, BY_MAIL, Known(owner=SUSPENDED), OPEN, refused(Reason.INACTIVE)),
    "a domain is no verification for linking": (
        identity(),
        Policy(linking=Linking.VERIFIED_EMAIL, domains=("corp.example",)),
        Known(owner=JO),
        OPEN,
        refused(Reason.LINK_FIRST),
    ),
    "a new person": (VERIFIED, NEVER, Known(), HIDING, Creates(verified=True, waits=False)),
    "with an unverified address": (identity(), NEVER, Known(), OPEN, Creates(verified=False, waits=False)),
    "who must prove it": (identity(), NEVER, Known(), HIDING, Creates(verified=False, waits=True)),
    "of the provider's own domain": (identity(), DOMAIN, Known(), VERIFIED_ONLY, Creates(verified=True, waits=False)),
    "which the provider denies": (
        identity(email_verified=False),
        DOMAIN,
        Known(),
        VERIFIED_ONLY,
        Creates(verified=False, waits=True),
    ),
    "or denies by a text": (
        identity(email_verified="false"),
        DOMAIN,
        Known(),
        VERIFIED_ONLY,
        Creates(verified=False, waits=True),
    ),
    "of a domain that ends alike": (
        identity("jo@evilcorp.example"),
        DOMAIN,
        Known(),
        VERIFIED_ONLY,
        Creates(verified=False, waits=True),
    ),
    "no accounts are made": (VERIFIED, CLOSED, Known(), OPEN, refused(Reason.NO_ACCOUNT)),
    "without an address": (identity(None, verified=True), NEVER, Known(), OPEN, refused(Reason.NO_ADDRESS)),
    "with nonsense for one": (identity("no address", verified=True), NEVER, Known(), OPEN, refused(Reason.NO_ADDRESS)),
    "neither address nor accounts": (identity(None), CLOSED, Known(), OPEN, refused(Reason.NO_ACCOUNT)),
}


@pytest.mark.parametrize("name", CASES)
def test_what_becomes_of_an_identity(name: str):
    arrived, policy, known, demands, expected = CASES[name]
    assert decide(arrived, policy, known, demands) == expected


def test_whoever_is_signed_in_links_what_is_nobodys():
    assert decide_link(Known(), JO) == Links(user=JO, how=How.ACCOUNT)
    assert decide_link(Known(linked=JO), JO) == SignsIn(user=JO)
    assert decide_link(Known(linked=JO), UNPROVEN) == refused(Reason.TAKEN)
    assert decide_link(Known(), SUSPENDED) == refused(Reason.INACTIVE)
    # The same names in another protocol may be somebody else's.
    assert decide_link(Known(linked=JO, is_anothers=True), JO) == refused(Reason.TAKEN)
