"""The authentication service. See docs/architecture.md for its layers and words."""
