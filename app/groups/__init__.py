"""Groups of users. A group holds roles, and each of its members holds them with it.

A *member* is a user who is in a group. Whoever leaves a group loses at once what only the group gave them.
"""
