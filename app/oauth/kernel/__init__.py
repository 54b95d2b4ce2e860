"""The kernel: aioauth's storage contract and grant types, behind our own dispatch. Nothing else imports it.

Of the library only what stands in `NAMES` is used: never its responses, its client authentication, introspection,
revocation or OpenID Connect. A test holds version and names.
"""
