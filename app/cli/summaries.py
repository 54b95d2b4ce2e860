"""What `auth-service --help` says of each command, so that it need not import them, which takes seconds.

The first line of the command's own help; a test holds the two together. One that is missing here is imported.
"""

SUMMARIES = {
    "dev": "Start Postgres, Valkey, the service and the examples on this machine; Ctrl-C stops them all.",
    "serve": "Serve with the settings of the environment. On SIGTERM or Ctrl-C requests in flight are finished first.",
    "worker": (
        "Deliver mail, fan events out and keep the schedules; any number may run. On SIGTERM jobs in hand are finished."
    ),
    "migrate": "Bring the database to this release's schema. Does nothing where that is done; two at once take turns.",
    "create-admin": "Make an administrator of this service; the user too, where there is none of that address.",
    "users": "The people who can sign in.",
    "audiences": "The downstream services that tokens are minted for.",
    "roles": "Named sets of permissions, which users are given.",
    "groups": "Sets of users, each of whom holds the group's roles.",
    "permissions": "What there is to be allowed, audience by audience.",
    "create-client": "Register a client and print its id and its secret, which is shown this once.",
    "clients": "Programs that prove themselves by a secret; create-client makes one.",
    "webhooks": "Other systems that are told of events, and what became of it.",
    "providers": "Identity providers that people sign in by: Google, Keycloak, any OpenID Connect or SAML.",
    "api-keys": "API keys: listed, made for clients, rotated, revoked.",
    "keys": "The keys that sign tokens.",
    "rotate-signing-key": "Let the next key sign, which is published already, and publish a new next one.",
    "saml-keys": "The key pairs that we sign by at SAML providers, and that open what these encrypt for us.",
    "audit": "The audit log: who did what, when, and from where.",
    "export-config": "Print what is set up, from audiences to identity providers. No secret and no person is in it.",
    "apply-config": "Bring about what a document says, all of it or nothing. To do it again changes nothing.",
    "purge": (
        "Remove what is past use: expired sessions, tokens, codes, links, challenges, events and mails handed over."
    ),
    "restored": (
        "Refuse whatever was issued before this moment: run it after you restored a backup, before anything serves."
    ),
    "verify-audit-log": (
        "Verify the audit log: each entry, the chain from the first that is kept, every signed head, every anchor."
    ),
    "import": "Move in from another system.",
    "settings": "The settings of the service.",
    "token": "Tokens for trying things out; in development alone.",
    "doctor": (
        "Look at settings, engines, keys, hashing, mail, issuer URL and identity providers, and name each fault's cure."
    ),
}
