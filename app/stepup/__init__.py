"""Proving again who one is, in a session that is open already.

*Re-authentication* renews a session's `auth_time` and may raise its `acr`. An *action token* says that its user has
agreed to one act at one service a moment ago: it is signed, lives for two minutes, and is consumed once. A *challenge*
stands between the request for one and the token.
"""
