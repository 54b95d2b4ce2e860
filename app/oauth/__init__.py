"""OAuth 2.0 endpoints, one file each; what a client may redeem plugs into the token endpoint.

Every client authenticates by its one registered method before anything of its request is looked at. `kernel` alone
knows the library whose storage contract and grant dispatch we use.
"""
