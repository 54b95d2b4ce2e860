"""Recovery codes: ten at a time, each used once, for whoever lost their other factors. Shown once, stored as hashes."""
