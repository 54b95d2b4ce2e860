"""Turning a credential into the request's principal, and telling others whether a token is live."""
