"""Rules of OAuth 2.0 as pure functions of values."""
