"""The services of the hosted pages."""

from dataclasses import dataclass

from app.foundation.failure_page import FailurePages
from app.foundation.offers import Offers
from app.foundation.pages import Pages
from app.foundation.parts import Parts
from app.foundation.theme import Theme
from app.hosted.accounts import KnownAccounts
from app.hosted.begin import SignInPages


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedParts(Parts):
    """What `wiring.hosted` builds."""

    sign_in: SignInPages
    accounts: KnownAccounts
    offers: Offers
    theme: Theme
    pages: Pages
    failures: FailurePages
