"""Getting back what was lost: a forgotten password, and an account that somebody else got at."""
