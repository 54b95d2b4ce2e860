"""Audiences: the downstream services that tokens are minted for, their scopes, resource URIs and algorithms.

A token names the audience it was asked for and no other. This service itself is an audience too: stored as
`SELF`, named in tokens by the issuer.
"""
