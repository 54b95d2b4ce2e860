"""The services of the hosted pages."""

from datetime import timedelta

from app.foundation.theme import Theme
from app.hosted.accounts import KnownAccounts
from app.hosted.begin import SignInPages
from app.hosted.parts import HostedParts, Offers
from app.wiring.ground import Ground


def build_hosted(ground: Ground) -> HostedParts:
    """Build them."""
    settings = ground.settings.pages
    lifetime = timedelta(seconds=settings.sign_in_seconds)
    return HostedParts(
        sign_in=SignInPages(ground.db, ground.clock, ground.keyring, lifetime=lifetime),
        accounts=KnownAccounts(ground.keyring, most=settings.remembered_accounts),
        offers=Offers(mail=ground.settings.delivers_mail),
        theme=Theme.of(settings),
    )
