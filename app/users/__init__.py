"""Users and their identifiers: who can be signed in.

A *user* has a *subject* (`sub`), which tokens carry and which is never reused, and an e-mail address, kept as
typed and unique by its key. `users.create` is the one place that knows whether sign-up is open.
"""
