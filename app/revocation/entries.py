"""The registry asked about one token, as a part of statements: the exact check, and its cost is an index probe."""

# Whether an entry matches a token that its own row's state does not tell about: one of its `jti`, or one that ended
# everything of its audience. The other kinds are told by the row that they belong to, which ends with the entry.
# To be formatted with the parameters' names: `jti`, `aud`, and `iat`, when the token was issued (a NumericDate).
ENDED = """
    EXISTS (SELECT FROM revocations r WHERE r.kind = 'jti' AND r.target = {jti})
      OR EXISTS (SELECT FROM revocations r
        WHERE r.kind = 'aud' AND r.target = {aud} AND r.at > to_timestamp({iat}::float8))"""
