"""Identity providers that this service trusts: how a person who is known elsewhere is recognised here.

A *connection* is one such provider as an operator has set it up. A *connector* speaks its protocol and returns a
verified `FederatedIdentity`; it owns no session and no account. What the identity means here is for others to decide.
"""
