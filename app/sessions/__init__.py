"""Signed-in subjects. A session is live until it is ended, idle too long, or past its absolute limit.

Its `sid` is in every token of a user; a token whose session is not live is refused.
"""
