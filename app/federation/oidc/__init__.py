"""Sign-in with other OpenID Connect and OAuth 2.0 providers: we are their relying party.

A *setup* is what a connection's configuration comes to. The provider's *documents* are its metadata and its keys: kept
here, renewed ahead of their end, and kept on for a while when it is down. Nothing it says counts before it was judged
against what the operator named and what this sign-in sent.
"""
