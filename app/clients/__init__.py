"""OAuth clients: programs that are known here by an id, and prove themselves by a secret.

A *client* may stand for a downstream service: then it has that service's audience and the scopes `introspection`
or `revocations:read`, and asks about that audience's tokens alone. A secret is shown once and kept as a hash; a client
may have several, so that one can be replaced without a gap.
"""
