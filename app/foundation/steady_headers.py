"""The headers that nearly every answer carries, the same each time."""

Header = tuple[bytes, bytes]
Headers = list[Header]

HSTS: Header = (b"strict-transport-security", b"max-age=31536000")
SECURITY: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"),
    # What an authentication service says is for the one who asked; what may be kept says so itself.
    (b"cache-control", b"no-store"),
]
JSON: Header = (b"content-type", b"application/json")
PRAGMA: Header = (b"pragma", b"no-cache")
VARY: Header = (b"vary", b"Origin")

STEADY: Headers = [HSTS, *SECURITY, JSON, PRAGMA, VARY]
"""All of them: the server writes their lines once."""
