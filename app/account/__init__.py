"""A person's own account: profile, sessions, signing out. Every route acts for the caller alone."""
