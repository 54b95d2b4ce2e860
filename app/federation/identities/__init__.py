"""Identities: who of another provider's people is whom here, and which sessions rest on their word.

An *identity* is (issuer, subject), and belongs to one user. A user has any number. It is *linked* when a user of that
address is found or made at a first sign-in, or by its user from the account; nothing else says who it is: no mail
address, no name. A session that a provider vouched for is noted with the session there, so that it ends with that one.
"""
