"""SAML 2.0 as its relying side needs it: documents in, judged values out. No I/O, no clock, no randomness.

A *document* is XML that passed the one strict reader. Its *shape* is compared with a list of what may stand where, so
that nothing can be wrapped. Only what a *signature* of the identity provider's own key covers is ever read: readers are
given the tree that the verifier returned, and no other.

Specs: SAML 2.0 Core, Bindings, Profiles, Metadata; XML Signature; XML Encryption 1.1.
"""
