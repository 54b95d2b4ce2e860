"""Telling other services what is revoked."""

from app.signals.service import RevocationBatches
from app.wiring.ground import Ground


def build_batches(ground: Ground) -> RevocationBatches:
    """What signs batches for other services."""
    return RevocationBatches(
        ground.db,
        ground.clock,
        audiences=ground.audiences,
        keys=ground.keys,
        follower=ground.follower,
        issuer=ground.issuer,
    )
