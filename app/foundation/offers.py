"""What pages may offer in a deployment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """`mail`: whether a mail would reach anybody."""

    mail: bool
