"""Passwords: the rules for choosing one, Argon2id hashes, and the bounded pool that computes them."""
