"""A person's own API keys: made, listed, rotated and revoked by `/auth/api-keys`."""
