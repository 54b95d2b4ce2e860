"""The browsers that users trust."""

from datetime import timedelta

from app.trust.service import TrustedBrowsers, TrustPolicy
from app.wiring.ground import Ground


def build_trust(ground: Ground) -> TrustedBrowsers:
    """Build them."""
    mfa = ground.settings.mfa
    policy = TrustPolicy(lifetime=timedelta(days=mfa.trusted_browser_days), is_a_factor=mfa.trusted_browser_is_a_factor)
    return TrustedBrowsers(ground.clock, ground.audit, policy)
