"""A real Keycloak of this machine's own, for tests and benches to be judged by.

In a test, take the fixture `keycloak` (the running server: `keycloak.issuer("my-realm")`) or `keycloak_admin`
(`admin.Admin`: realms, users, roles, keys, sign-outs). One server serves a whole test run, however many workers it has:
each test, or module, makes a realm of its own under a name of its own (`keycloak_admin.import_realm`), and removes it.
The realm `todo-app` of `examples/todo/keycloak-realm.json` is there from the start; leave it as it is.

Outside of pytest: `with server.running(folder) as keycloak:`, then `async with Admin(keycloak) as admin:`.

Java 17 or newer and Maven are needed (`tools/system_packages.sh`). The distribution is fetched once, compared with its
SHA-256 and kept in `.cache/`, ready to start: the first use takes a minute, the next ones some seconds.
"""
