"""The services of the hosted pages."""

from datetime import timedelta

from app.foundation.failure_page import FailurePages
from app.foundation.language import Languages
from app.foundation.offers import Offers
from app.foundation.pages import Pages
from app.foundation.theme import Theme
from app.hosted.accounts import KnownAccounts
from app.hosted.begin import SignInPages
from app.hosted.parts import HostedParts
from app.wiring.ground import Ground


def build_hosted(ground: Ground) -> HostedParts:
    """Build them."""
    settings = ground.settings.pages
    lifetime, theme = timedelta(seconds=settings.sign_in_seconds), Theme.of(settings)
    pages = Pages(Languages(texts=settings.texts), settings, public_url=ground.issuer, theme=theme)
    return HostedParts(
        sign_in=SignInPages(ground.db, ground.clock, ground.keyring, lifetime=lifetime),
        accounts=KnownAccounts(ground.keyring, most=settings.remembered_accounts),
        offers=Offers(mail=ground.settings.delivers_mail),
        theme=theme,
        pages=pages,
        failures=FailurePages(pages, ground.keyring),
    )
