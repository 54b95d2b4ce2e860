"""Federated sign-in from end to end: out to another provider, back with its word, and into a session of ours.

A *federated sign-in* is a flow of the kind `federation`, whose id is the `state` that the provider sends back; it
belongs to one browser. Its *purpose* is what the browser came for: an app's address (`return`), the sign-in pages
(`pages`), or linking an identity to an account (`link`). Connectors say who comes; what that means here is decided by
`federation.identities`; sessions are opened by `login`, so that a second factor is asked for as after a password.
"""
