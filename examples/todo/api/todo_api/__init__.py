"""A todo list per person, behind any OpenID provider: Keycloak, or auth-service."""
