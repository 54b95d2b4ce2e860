"""The services of this feature, together."""

from dataclasses import dataclass

from app.apikeys.inspect import APIKeyInspection
from app.apikeys.issue import APIKeyIssuance
from app.apikeys.registrar import APIKeyRegistrar
from app.apikeys.service import APIKeys
from app.apikeys.usage import LastUses
from app.foundation.parts import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class APIKeyParts(Parts):
    """Making keys, looking after them, telling whether they count, and noting that they were used."""

    registry: APIKeys
    registrar: APIKeyRegistrar
    issuance: APIKeyIssuance
    inspection: APIKeyInspection
    uses: LastUses
