"""The sign-in flow: from what a user presents to a session and its first tokens."""
