"""Refusals about identity providers."""

from app.foundation.errors import Conflict, NotFound, Unprocessable


class IdentityProviderNotFound(NotFound):
    """No provider has that id, or the one that has it is disabled and somebody wanted to sign in."""

    code, title = "identity_provider_not_found", "There is no such identity provider"


class IdentityProviderExists(Conflict):
    """The id is taken."""

    code, title = "identity_provider_exists", "There is an identity provider of that id already"


class InvalidIdentityProvider(Unprocessable):
    """A part of the connection breaks a rule. Each fault names its part and what is right."""

    code, title = "invalid_identity_provider", "The identity provider is not set up right"


class DomainTaken(Conflict):
    """People of that mail domain are sent to another provider already."""

    code, title = "identity_provider_domain_taken", "Another identity provider has this domain"


class IdentityProviderDeclared(Conflict):
    """The settings declare it: what they say is changed there."""

    code, title = "identity_provider_declared", "This identity provider comes from the settings"


class IdentityProviderInUse(Conflict):
    """Accounts are linked to identities of this provider, and the caller has not said what becomes of the links."""

    code, title = "identity_provider_in_use", "People sign in by this identity provider"
