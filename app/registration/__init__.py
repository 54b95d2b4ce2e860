"""Sign-up: how people make their own accounts."""
