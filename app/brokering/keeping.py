"""What a flow keeps of a federated sign-in, sealed: the connector's secrets, and an identity that waits."""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from app.federation.connector import FederatedIdentity
from app.flows.errors import FlowOver
from app.foundation.encryption import DecryptionFailed, Keyring

_PURPOSE = "federated sign-in"


class Sealing:
    """Seals what belongs to one flow."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def seal(self, flow_id: str, told: Mapping[str, Any]) -> str:
        """A text that opens for this flow alone."""
        sealed = self._keyring.encrypt(json.dumps(told).encode(), purpose=_PURPOSE, bound_to=flow_id)
        return base64.b64encode(sealed).decode("ascii")

    def open(self, flow_id: str, sealed: str) -> dict[str, Any]:
        """What was sealed. Raises FlowOver where its key has left the ring: the person begins again."""
        try:
            opened = self._keyring.decrypt(base64.b64decode(sealed), purpose=_PURPOSE, bound_to=flow_id)
        except DecryptionFailed as error:
            raise FlowOver(detail=str(error)) from error
        found: dict[str, Any] = json.loads(opened)
        return found


def identity_as_json(identity: FederatedIdentity) -> dict[str, Any]:
    """An identity as it is sealed."""
    at = identity.authenticated_at
    told = asdict(identity)
    return {**told, "authenticated_at": None if at is None else at.astimezone(UTC).isoformat()}


def identity_of(told: Mapping[str, Any]) -> FederatedIdentity:
    """The identity that was sealed."""
    at = told["authenticated_at"]
    parsed = {"authenticated_at": None if at is None else datetime.fromisoformat(at), "amr": tuple(told["amr"])}
    return FederatedIdentity(**{**told, **parsed})
