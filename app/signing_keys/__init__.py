"""Key sets that sign tokens: generate, publish, rotate, sign.

A key is *next* (published, does not sign), *active* (signs), *retiring* (verifies until the overlap ends),
*retired*, or *revoked*. There is one next and one active key for each algorithm in use; a key is always
published before it signs, so that no verifier meets an unknown one.
"""
