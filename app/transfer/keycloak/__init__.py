"""Moving a realm of Keycloak in: users with their passwords, roles, groups and clients.

What has no counterpart here, or is not taken over for safety, is a *loss* and stands in the report; nothing is left
out in silence.
"""
