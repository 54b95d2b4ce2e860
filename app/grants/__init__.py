"""What a subject allowed a client, and every token that hangs from it.

Each way to a token ends here: a *grant* joins subject, client, session, audience and scope; access tokens name
it, refresh tokens rotate under it. Revoking the grant, its session or its user ends everything below.
"""
