"""What we are to one provider: the names by which it finds us, and how the connection is set up."""

from dataclasses import dataclass
from datetime import timedelta

from app.federation.connector import Connection
from app.federation.saml.config import NAME_ID_FORMATS, SAMLConfig, read_config


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceProvider:
    """One connection's service provider. `entity_id` is its name, and the address of its metadata."""

    connection: Connection
    config: SAMLConfig
    entity_id: str
    acs_url: str
    logout_url: str

    @classmethod
    def of(cls, public_url: str, connection: Connection) -> "ServiceProvider":
        """The one of a connection, below the issuer's URL. Raises InvalidConfiguration."""
        below = f"{public_url}/auth/saml/{connection.id}"
        return cls(
            connection=connection,
            config=read_config(connection.config),
            entity_id=f"{below}/metadata",
            acs_url=f"{below}/acs",
            logout_url=f"{below}/slo",
        )

    @property
    def skew(self) -> timedelta:
        """How far the provider's clock may stand from ours."""
        return timedelta(seconds=self.config.skew_seconds)

    @property
    def name_id_format(self) -> str | None:
        """The form in which people shall be named to us, if any is asked for."""
        return None if self.config.name_id_format is None else NAME_ID_FORMATS[self.config.name_id_format]
