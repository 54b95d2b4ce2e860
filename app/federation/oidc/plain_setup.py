"""What the configuration of a plain OAuth 2.0 connection comes to: a provider without ID tokens, such as GitHub."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.federation.connector import InvalidConfiguration
from app.federation.oidc.members import Members
from app.federation.oidc.setup import AUTHENTICATION, ClientAuthentication
from app.protocols.oidc.upstream_metadata import hosts_of, split_url

CLAIMS = ("email", "email_verified", "family_name", "given_name", "name")
_GENERAL = frozenset({"client_id", "scopes", "parameters"}) | AUTHENTICATION
_OWN = frozenset({"issuer", "authorization_endpoint", "token_endpoint", "profile_endpoint", "subject_member", "claims"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainSetup:
    """A connection as the connector uses it. `claims` names the profile's member for each claim of ours.

    `issuer` is only the name under which its subjects are kept. `emails_endpoint` lists addresses with `primary` and
    `verified`, where the profile itself does not say.
    """

    client_id: str
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    profile_endpoint: str
    subject_member: str
    claims: Mapping[str, str]
    emails_endpoint: str | None = None
    scopes: tuple[str, ...] = ()
    authentication: ClientAuthentication = field(default_factory=ClientAuthentication)
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that the operator named: here all of them."""
        every = (self.authorization_endpoint, self.token_endpoint, self.profile_endpoint, self.emails_endpoint or "")
        return hosts_of(*every)


def read_plain(preset: str | None, config: Mapping[str, Any]) -> PlainSetup:
    """Read a configuration. Raises InvalidConfiguration."""
    if preset is None:
        return _general(config)
    if preset not in PLAIN_PRESETS:
        raise InvalidConfiguration("preset", f"One of {', '.join(sorted(PLAIN_PRESETS))}, or none.")
    return PLAIN_PRESETS[preset](config)


def _general(config: Mapping[str, Any]) -> PlainSetup:
    members = Members(config, _GENERAL | _OWN)
    authorization = members.required_url("authorization_endpoint")
    parts = split_url(authorization)
    origin = "" if parts is None else f"{parts.scheme}://{parts.netloc}"
    return PlainSetup(
        client_id=members.required_text("client_id"),
        issuer=members.url("issuer") or origin,
        authorization_endpoint=authorization,
        token_endpoint=members.required_url("token_endpoint"),
        profile_endpoint=members.required_url("profile_endpoint"),
        subject_member=members.text("subject_member") or "id",
        claims=_claims(config.get("claims")),
        scopes=members.scopes(()),
        authentication=ClientAuthentication.of(members),
        parameters=members.parameters(),
    )


def _claims(value: object) -> Mapping[str, str]:
    if value is None:
        return {name: name for name in CLAIMS}
    if not isinstance(value, Mapping) or not all(
        name in CLAIMS and isinstance(member, str) and member for name, member in value.items()
    ):
        raise InvalidConfiguration("claims", f"For any of {', '.join(CLAIMS)}: the name of the profile's member.")
    return dict(value)


def _github(config: Mapping[str, Any]) -> PlainSetup:
    """github.com, or an enterprise's server by `url`. Its login names change hands, so the number is the subject."""
    members = Members(config, _GENERAL | {"url"})
    url = (members.url("url") or "https://github.com").rstrip("/")
    api = "https://api.github.com" if url == "https://github.com" else f"{url}/api/v3"
    return PlainSetup(
        client_id=members.required_text("client_id"),
        issuer=url,
        authorization_endpoint=f"{url}/login/oauth/authorize",
        token_endpoint=f"{url}/login/oauth/access_token",
        profile_endpoint=f"{api}/user",
        emails_endpoint=f"{api}/user/emails",
        subject_member="id",
        # The address in its profile is what the person shows, verified or not.
        claims={"name": "name"},
        scopes=members.scopes(("read:user", "user:email")),
        authentication=ClientAuthentication.of(members, ClientAuthentication(method="client_secret_post")),
        parameters=members.parameters(),
    )


PLAIN_PRESETS: Mapping[str, Callable[[Mapping[str, Any]], PlainSetup]] = {"github": _github}
"""The presets of kind `oauth2`."""
