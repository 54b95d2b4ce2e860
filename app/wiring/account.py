"""What a person takes with them of their account."""

from app.account.export import AccountExport
from app.consents.service import Consents
from app.foundation.fresh import FreshAuth
from app.lifecycle.factor_set import FactorSet
from app.sessions.service import Sessions
from app.trust.service import TrustedBrowsers
from app.wiring.ground import Ground
from app.wiring.rights import RightsParts


def build_export(
    ground: Ground,
    sessions: Sessions,
    rights: RightsParts,
    factors: FactorSet,
    *,
    consents: Consents,
    trusted: TrustedBrowsers,
    fresh: FreshAuth,
) -> AccountExport:
    """Build it."""
    return AccountExport(
        ground.db,
        ground.clock,
        audit=ground.audit,
        users=ground.users,
        sessions=sessions,
        roles=rights.assignments,
        groups=rights.groups,
        factors=factors,
        consents=consents,
        identities=ground.identities,
        trusted=trusted,
        fresh=fresh,
        per_hour=ground.settings.account.exports_per_hour * ground.width,
    )
