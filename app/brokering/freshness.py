"""When the person of a federated sign-in proved who they are, and whether that is recent enough."""

from datetime import datetime, timedelta

from app.brokering.case import Case
from app.federation.connector import FederatedIdentity
from app.grants.by_cookie import BrowserCaller

# How far the provider's clock may stand from ours.
_LEEWAY = timedelta(seconds=30)


def is_fresh(case: Case, identity: FederatedIdentity) -> bool:
    """Whether it is as recent as was asked for, noted as a check. A provider that does not say when cannot be."""
    after, at = case.wanted.signed_in_after, identity.authenticated_at
    if after is None:
        return True
    received = "not said" if at is None else at.isoformat()
    return case.trace.check(
        "authenticated_at", at is not None and at >= after - _LEEWAY, expected=after.isoformat(), received=received
    )


def proven_at(
    case: Case, identity: FederatedIdentity, signed_in: BrowserCaller | None, *, now: datetime
) -> datetime | None:
    """The moment, which need not be now: a provider where somebody is signed in asks nothing. None for now.

    Else whoever finds a browser unattended would pass for its owner, who has just signed in. Where the provider does
    not say when, `signed_in`, who has a session as the same user here, has proven nothing anew.
    """
    at = identity.authenticated_at
    if at is None:
        return None if signed_in is None else signed_in.context.auth_time
    # What was judged to be fresh is no older than was asked for, as far as clocks agree.
    return min(max(at, case.wanted.signed_in_after or at), now)
