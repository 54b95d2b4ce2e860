"""The services of the hosted pages."""

from dataclasses import dataclass

from app.foundation.parts import Parts
from app.foundation.theme import Theme
from app.hosted.begin import SignInPages


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedParts(Parts):
    """What `wiring.hosted` builds."""

    sign_in: SignInPages
    theme: Theme
