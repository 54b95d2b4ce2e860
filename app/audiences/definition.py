"""What an operator says of an audience, and the check of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.audiences import rules
from app.audiences.errors import InvalidAudience
from app.protocols.assurance import ACR
from app.protocols.jose.algorithms import Algorithm

MAX_ACCESS_TOKEN_SECONDS = 3600
MAX_PARTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceDefinition:
    """A downstream service as it is registered.

    `scopes` maps each scope to the permission it needs, or to None where every user holds it. Without
    `signing_algorithm` and `access_token_seconds` the deployment's defaults apply. `claims` are user
    attributes that its tokens carry. `required_acr` is how well users must prove who they are to get one.
    """

    name: str
    resources: tuple[str, ...] = ()
    scopes: Mapping[str, str | None] = field(default_factory=dict)
    signing_algorithm: Algorithm | None = None
    access_token_seconds: int | None = None
    claims: tuple[str, ...] = ()
    required_acr: ACR | None = None

    def in_order(self) -> "AudienceDefinition":
        """The same definition with every part sorted and without repetition, so that equal ones compare equal."""
        return AudienceDefinition(
            name=self.name,
            resources=tuple(sorted(set(self.resources))),
            scopes=dict(sorted(self.scopes.items())),
            signing_algorithm=self.signing_algorithm,
            access_token_seconds=self.access_token_seconds,
            claims=tuple(sorted(set(self.claims))),
            required_acr=self.required_acr,
        )

    def as_json(self) -> dict[str, object]:
        """The form of the setting, of the command line's answers and of events."""
        return {
            "name": self.name,
            "resources": list(self.resources),
            "scopes": dict(self.scopes),
            "signing_algorithm": self.signing_algorithm.value if self.signing_algorithm else None,
            "access_token_seconds": self.access_token_seconds,
            "claims": list(self.claims),
            "required_acr": self.required_acr.value if self.required_acr else None,
        }


def check(definition: AudienceDefinition) -> None:
    """Refuse a definition that breaks a rule by itself, naming every fault. Raises InvalidAudience."""
    found = [*_name_faults(definition), *_part_faults(definition)]
    if found:
        words = "; ".join(f"{pointer[1:]}: {fault}" for pointer, fault in found)
        raise InvalidAudience(f"{words}.", faults=found)


def _name_faults(definition: AudienceDefinition) -> Iterator[tuple[str, str]]:
    if not rules.is_name(definition.name):
        yield (
            "/name",
            (
                "1 to 128 letters, digits or . _ : / -, beginning with a letter or digit; "
                "neither the word self nor the form of a client id"
            ),
        )


def _part_faults(definition: AudienceDefinition) -> Iterator[tuple[str, str]]:
    parts = (definition.resources, definition.scopes, definition.claims)
    if any(len(part) > MAX_PARTS for part in parts):
        yield "/", f"at most {MAX_PARTS} resources, scopes and claims each"
    if not all(rules.is_resource(resource) for resource in definition.resources):
        yield "/resources", "each an absolute https URI (http on loopback only) without fragment"
    tokens = [*definition.scopes, *(permission for permission in definition.scopes.values() if permission is not None)]
    if not all(rules.is_scope(token) for token in tokens):
        yield "/scopes", 'scopes and permissions are 1 to 64 printable characters without space, " or \\'
    reserved = sorted(rules.RESERVED_CLAIMS.intersection(definition.claims))
    if reserved:
        yield (
            "/claims",
            f"{', '.join(reserved)}: reserved, because tokens say with it whom they are for or what they allow",
        )
    elif not all(rules.is_claim(claim) for claim in definition.claims):
        yield "/claims", "email, email_verified, name, groups or the name of a user attribute (letters, digits and _)"
    seconds = definition.access_token_seconds
    if seconds is not None and not 1 <= seconds <= MAX_ACCESS_TOKEN_SECONDS:
        yield "/access_token_seconds", f"1 to {MAX_ACCESS_TOKEN_SECONDS}"
