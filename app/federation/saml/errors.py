"""Refusals about our own SAML key pairs."""

from app.foundation.errors import Conflict, NotFound, Unprocessable


class SAMLKeyNotFound(NotFound):
    """There is no such key pair, or it is gone already."""

    code, title = "saml_key_not_found", "There is no such SAML key"


class NextSAMLKeyExists(Conflict):
    """A next key pair is published already: it is the one to go on with."""

    code, title = "next_saml_key_exists", "The next SAML key is published already"


class SAMLKeyNotReady(Conflict):
    """No next key pair is published, or not for long enough: providers would meet an unknown one."""

    code, title = "saml_key_not_ready", "The next SAML key is not known everywhere yet"


class SAMLKeyInUse(Conflict):
    """The key pair signs, or opens what providers still encrypt for it."""

    code, title = "saml_key_in_use", "This SAML key is still needed"


class SAMLOverlapTooShort(Unprocessable):
    """Providers that read our metadata once a day would encrypt for a key pair that is gone."""

    code, title = "saml_overlap_too_short", "The overlap is too short"
