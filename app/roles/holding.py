"""What a user holds, as a part of statements: one definition, for whatever issues, inspects or counts rights."""

from app.revocation.bars import BARS

# Every role of every user, their own and those of their groups. The members are the groups' feature's, which stands
# above this one: a statement that issues a token cannot ask two services.
HOLDINGS = """
    (SELECT user_id, role_id, audience FROM role_assignments
     UNION
     SELECT m.user_id, r.role_id, r.audience FROM group_members m JOIN group_roles r ON r.group_id = m.group_id)"""

# One text, `rules.Held.parse` reads it. As JSON, like every list of the hot statements: for an array the driver asks
# each new connection's server about the type, six round trips just when there are none to spare.
_MEMBERS = f"""
      'roles', (SELECT coalesce(json_agg(json_build_array(h.role_id, h.audience)), '[]')
                FROM {HOLDINGS} h WHERE h.user_id = {{user_id}}),
      'groups', (SELECT coalesce(json_agg(g.name ORDER BY g.name), '[]')
                 FROM group_members m JOIN groups g ON g.id = m.group_id WHERE m.user_id = {{user_id}}),
      'version', (SELECT coalesce(max(version), 0) FROM role_registry)"""  # noqa: S608 — constants

HELD_JSON = f"(SELECT json_build_object({_MEMBERS}))"
"""As a part of a statement that says everything in JSON: `rules.Held.of` reads what was parsed with it."""

HELD_TEXT = f"(SELECT json_build_object({_MEMBERS})::text)"

# With what may not be issued yet: for whatever mints.
HELD = f"(SELECT json_build_object({_MEMBERS}, 'bars', {BARS})::text) AS held"
