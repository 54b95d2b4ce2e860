"""The same route behind other people's libraries, each for `uvicorn --factory` in an environment of its own.

`requirements.lock` names what is in it. Nothing here imports anything of the project: it is not installed there.
`AUTH_BASE_URL` is the service whose tokens are checked, `INTROSPECTION_URL` the server that is asked about them.
"""
