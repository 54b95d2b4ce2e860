"""Use cases that cross features, each one transaction: suspend, reactivate and delete a user.

What ends a user ends everything that hangs from them, together or not at all.
"""
