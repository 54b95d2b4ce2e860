"""The names of SAML 2.0 and of what it stands on: namespaces, bindings, formats, methods, algorithms."""

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
MD = "urn:oasis:names:tc:SAML:2.0:metadata"
DS = "http://www.w3.org/2000/09/xmldsig#"
DS11 = "http://www.w3.org/2009/xmldsig11#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
PREFIXES = {
    "saml": SAML,
    "samlp": SAMLP,
    "md": MD,
    "ds": DS,
    "ds11": DS11,
    "xenc": XENC,
    "xenc11": XENC11,
    "ec": EXC_C14N,
}

POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"

UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"

BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"

SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
STATUS_PREFIX = "urn:oasis:names:tc:SAML:2.0:status:"


def tag(prefixed: str) -> str:
    """`saml:Assertion` as the library spells it."""
    prefix, _, name = prefixed.partition(":")
    return f"{{{PREFIXES[prefix]}}}{name}"


def prefixed(qualified: str) -> str:
    """The library's spelling as people read it."""
    namespace, _, name = qualified.rpartition("}")
    known = {f"{{{uri}": prefix for prefix, uri in PREFIXES.items()}
    return f"{known[namespace]}:{name}" if namespace in known else qualified
