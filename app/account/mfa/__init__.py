"""A person's own second factors: enrol, confirm, list, rename, remove. Each change needs a fresh sign-in."""
