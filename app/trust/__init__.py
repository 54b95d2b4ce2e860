"""Browsers that a user trusts, where a second factor that nothing requires is not asked for each time.

A *trusted browser* holds a cookie of 256 random bits, of which only the hash is kept: for one user, until it expires,
and only while no credential of that user changes. It opens nothing by itself: it stands beside a first factor.
"""
