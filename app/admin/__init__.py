"""The admin API, `/admin/…`: one module for each noun, and the rules that all of them share.

Every route is made by `AdminRouter` and has one `requires(...)`: whoever may not is refused before the request's body
is read. A noun's module holds its router; `routers.py` lists them all.
"""
