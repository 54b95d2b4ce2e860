"""JSON Web Tokens, signatures and keys, as strict as an issuer may be with tokens of its own making.

A *compact token* is header, payload and signature. It is split and measured first, then its signature is checked
with one key and that key's one algorithm, and only then is its payload read. Specs: RFC 7515, 7517, 7518, 7519,
7638, 8037, 8725.
"""
