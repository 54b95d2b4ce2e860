"""What to do about each stable code, in the words of the page `errors.md`. A test sees that none lacks its words."""

CURES = {
    "ambiguous_name": "Give all but one another name; a configuration calls things by their names.",
    "invalid_configuration": "`detail` says what and where; `auth-service export-config --schema` prints what "
    "is allowed.",
    "signing_key_in_use": "Rotate first (`auth-service rotate-signing-key`), and retire the former key once its last "
    "token has expired: `detail` says when. A key that leaked is revoked instead.",
    "signing_key_not_found": "`auth-service keys list` shows every key.",
    "trusted_browser_not_found": "`GET /auth/me/trusted-browsers` shows those that you trust still; a new password or "
    "factor forgets all of them.",
    "flow_not_found": "A flow is kept for a set time (`FLOWS__KEPT_SECONDS`); its id stands on the error page and in "
    "`error_description`.",
    "flow_over": "Go back to the application and begin again; for operators: `FLOWS__PENDING_SECONDS`.",
    "group_exists": "Take another name, or change the group that has it.",
    "group_not_found": "`auth-service groups list` shows every group; `groups create NAME` makes one.",
    "identity_provider_declared": "Change the settings that declare it (`GOOGLE__…`, `KEYCLOAK__…`, "
    "`IDENTITY_PROVIDERS__DECLARED`) and start the processes again.",
    "identity_provider_domain_taken": "Take the domain from the provider that `detail` names first.",
    "identity_provider_exists": "Take another id, or change the provider that has it.",
    "identity_provider_in_use": "Disable it instead, which can be taken back; or delete it with `?links=keep` or "
    "`?links=remove`. `docs/identity-providers.md` says what each means.",
    "identity_provider_not_found": "`auth-service providers list` shows every provider; a disabled one admits nobody.",
    "invalid_identity_provider": "Mend what `errors` names; `docs/identity-providers.md` lists the members of `config` "
    "by provider.",
    "idempotency_key_reused": "Take a new `Idempotency-Key` for a new request; send an old one only with the very same "
    "bytes, to the same address.",
    "idempotency_unsupported": "Send this request without `Idempotency-Key`.",
    "invalid_group": "Read `errors`; each names the value and what is right.",
    "invalid_idempotency_key": "Send one `Idempotency-Key` of 1 to 255 visible ASCII characters; a random UUID does.",
    "invalid_precondition": "Send the `ETag` of the last answer as it was, double quotes and all, or `*`.",
    "own_rights": "Another administrator may do it, or an operator by command (`auth-service users assign-role`): "
    "over the network nobody raises their own rights.",
    "not_impersonated": "Administrators are seen through by nobody; look at the audit log instead.",
    "not_while_acting": "Ask the user to do it themselves; `POST /auth/logout` with this token ends the impersonation.",
    "precondition_failed": "Read it again, and send the change with its new `ETag`, if it is still wanted.",
    "request_still_running": "Wait for `Retry-After` and send the same request with the same key again.",
    "action_token_required": "Ask for an action token (`POST /auth/action-tokens`, with the `action` that the "
    "challenge names), let the user answer, and send the request again with `X-Action-Token`.",
    "action_token_state_unknown": "Try again after `Retry-After`; nothing was done. For operators: the service needs "
    "its AUTH_CLIENT_ID and AUTH_CLIENT_SECRET, of a client with the scope `introspection`, and a way to us.",
    "ambiguous_credentials": "Send one `Authorization` header, or the browser's cookies, and nothing else that proves "
    "who asks.",
    "api_key_limit": "Revoke an API key that is not used; for operators: `API_KEYS__PER_OWNER`.",
    "api_key_not_found": "`GET /auth/api-keys` lists your keys. What belongs to somebody else is answered alike.",
    "api_key_over": "Make a new API key, or rotate the one that took its place: `replaced_by` names it.",
    "api_key_state_unknown": "The SDK could not ask whether the key counts. Try again soon. For operators: "
    "the service needs its AUTH_CLIENT_ID and AUTH_CLIENT_SECRET, of a client with the scope `introspection`.",
    "audience_clash": "Choose a name or resource URI that no other audience has, and that is not the issuer's URL.",
    "audience_exists": "Take another name, or change the audience that has it: `auth-service audiences update`.",
    "audience_not_found": "`auth-service audiences list` shows every audience; `audiences create NAME` makes one.",
    "audit_entry_not_found": "Search for it: `GET /admin/audit-logs`, or `auth-service audit list`. Months older than "
    "`AUDIT__RETENTION_DAYS` are dropped.",
    "bad_request": "Read `detail`; it says what cannot be understood.",
    "body_too_large": "A JSON body has at most 64 kB. Send less.",
    "built_in_role": "Make a role of your own beside it: `auth-service roles create NAME`.",
    "cache_unavailable": "For operators: Valkey does not answer. `auth-service doctor` says more; the service goes on "
    "without it.",
    "client_disconnected": "The connection ended before the request was whole; nobody reads this. Send it again.",
    "session_over": "Begin the sign-in again: the session ended between the page and the code.",
    "consent_not_found": "`GET /auth/me/consents` shows what you have allowed; a client that needed no consent is not "
    "there.",
    "no_initiation": "Give the client an `initiate_login_uri`: where it begins a sign-in that somebody else asks for.",
    "logo_not_found": "Give the client a `logo_uri` that leads to a PNG, JPEG, GIF or WebP of at most 64 kB by https; "
    "the worker fetches it, and its log says what was wrong.",
    "client_not_found": "`auth-service clients list` shows every client; `auth-service create-client` makes one.",
    "client_without_secret": "A client that proves itself by its own key changes that key; a public one has nothing to "
    "rotate.",
    "conflict": "Read the present state again, and decide anew.",
    "csrf_failed": "A page that signs in by cookies sends the token of `GET /auth/csrf` as `X-CSRF-Token`, and asks "
    "for a new one after each sign-in. Its origin is that of `PUBLIC_URL`, or stands in `CORS__ORIGINS` (in the SDK: "
    "`allowed_origins`). A proxy may have removed `Origin`.",
    "database_unavailable": "Wait for `Retry-After` and send the request again. Whether the first one was done is not "
    "known: make sure before you repeat what must not happen twice. For operators: `auth-service doctor`.",
    "email_not_verified": "Use the link that was mailed: this very refusal sent a new one, within the limit of mails "
    "to one mailbox. For operators: `ACCOUNTS__REQUIRE_VERIFIED_EMAIL`.",
    "email_taken": "Sign in instead, or sign up with another address.",
    "enrolment_refused": "Begin the enrolment again. A code counts once and for half a minute; a passkey's challenge "
    "once and for five minutes, in the session that asked for it, on a page of the issuer's origin.",
    "factor_enrolled": "Remove the one that there is, or keep it.",
    "factor_not_offered": "Take one of `factors` in the answer `mfa_required`.",
    "forbidden": "Read `detail`. Who asks is known and may not do this; signing in again changes nothing.",
    "foreign_form": "The browser did not say that a page of this service sent the form. Open the page at its own "
    "address and send the form from there; a program uses the JSON API instead.",
    "form_expected": "Send the body as `Content-Type: application/x-www-form-urlencoded`, exactly once.",
    "hashing_busy": "More sign-ins came at once than this host can check. Wait for `Retry-After` and try again. For "
    "operators: more processes or hosts; see `PASSWORDS__HASH_THREADS` and `PASSWORDS__HASH_QUEUE`.",
    "headers_too_large": "Request line and headers have at most 16 kB together, in at most 100 lines. Send fewer "
    "cookies.",
    "import_differs": "Send the same stream from its beginning, or begin a new import without the id.",
    "import_not_found": "Begin it: send the lines without an id.",
    "import_running": "Wait for the other sender to end, then send the stream again with the same id.",
    "insufficient_permission": "The caller's roles do not hold this permission at this audience: "
    "`auth-service roles grant`. The next token says so; the present one does not change.",
    "insufficient_role": "`auth-service users assign-role EMAIL ROLE --audience A`, then refresh the token: roles "
    "stand in it.",
    "insufficient_scope": "Ask for the scope when you sign in, or for none to get all. If it still lacks, the user "
    "does not hold the permission that the scope needs.",
    "insufficient_user_authentication": "The act wants a fresher or a better proof. The challenge says which: "
    "`max_age`, or `acr_values`. Let the user prove themselves by `POST /auth/reauthenticate`, and send the new token.",
    "internal_error": "A fault of ours. Try again later; tell the operator the `trace_id`, by which the log has the "
    "whole story.",
    "invalid_action_token": "Ask for a new action token for this very act. Each is good once, for two minutes, in the "
    "session that asked for it, and where it carries a request's hash for that request alone.",
    "invalid_api_key": "The key is mistyped, unknown, expired, revoked, for another audience, or not for this address. "
    "Its owner sees its state by `GET /auth/api-keys`; a service's log says what came.",
    "invalid_api_key_definition": "Read `errors`: each entry points at a part and says what is right there.",
    "invalid_attribute": "Read `errors`: it names the attribute's rule. A value is a text, a number or a boolean.",
    "invalid_audience": "Read `errors`: each entry points at a part of the definition and says what is right.",
    "invalid_client": "Check client id and secret, and that the client authenticates by its registered method.",
    "invalid_challenge": "Ask for a new challenge. Each can be answered once, tried five times, for five minutes, and "
    "only by the session that asked for it.",
    "invalid_client_definition": "Read `errors`: each entry points at a part of the definition and says what is right.",
    "invalid_code": "Ask for a new code by `POST /auth/otp/request` and answer with its `challenge_id`. A code is good "
    "for ten minutes and five tries, once, and a newer one takes its place. With `transport=cookie` both requests come "
    "from the same browser.",
    "invalid_content_length": "Send `Content-Length` once, as a number. A proxy in between may have added a second.",
    "invalid_credentials": "Address and password do not match, the account is suspended, or it does not exist: the "
    "answer never tells which. For operators: the reason is in the audit log (`login.failed`).",
    "invalid_cursor": "Start the list anew, without `after`. A cursor fits one list, filter, order and caller.",
    "invalid_email": "Send one plain address such as `ann@example.com`.",
    "invalid_factor": "Take the newest code, once; mind the phone's clock. After five wrong ones the sign-in begins "
    "again, after ten in a quarter of an hour the app is locked for as long; a recovery code or a "
    "passkey still works.",
    "invalid_grant": "Start the flow again: the code or token was used, has expired, or is another client's.",
    "invalid_form": "Send the form urlencoded in UTF-8, each field once.",
    "invalid_json": "Send one JSON object in UTF-8: no name twice, no NaN, at most 32 levels deep.",
    "invalid_mfa_token": "Sign in again. The token of a half-done sign-in lives five minutes and five tries, opens its "
    "own step alone, and dies when a password or factor changes.",
    "invalid_link": "Ask for a new link: each is good once, for a limited time, and a newer one ends the older. "
    "`POST /auth/email/verify/request` and `POST /auth/password/forgot` send one.",
    "invalid_name": "Read `detail`. A name is one line of printable text.",
    "invalid_passkey": "Get new options and try again. The passkey must be of this service, on a page of the issuer's "
    "origin, and verify its user. For operators: the reason is in the audit log (`login.failed`).",
    "invalid_refresh_token": "The refresh token is unknown or expired, or its session is over. Let the user sign in.",
    "invalid_request": "Read `error_description`; a parameter is missing, repeated or malformed.",
    "invalid_role": "Read `errors`: it names the rule for names of roles and permissions.",
    "invalid_scope": "Ask only for scopes of the audience (`auth-service audiences show NAME`), separated by single "
    "spaces; or for none, which gives all that the user holds.",
    "invalid_target": "Check the spelling of `audience`. `auth-service audiences list` shows every one; "
    "`audiences create NAME` registers yours. A grant gives tokens only for the audiences it covers.",
    "invalid_token": "Refresh the token, or sign in again. If that does not help, the service's log says what was "
    "expected and what came: audience, issuer, expiry, signature or an ended session.",
    "keys_unavailable": "The SDK has no keys to verify with. Check `auth_base_url` and the way to "
    "`/.well-known/jwks.json` there; it tries again by itself.",
    "last_administrator": "Make another administrator first: `auth-service create-admin --email E`.",
    "last_factor": "Add another second factor first. For operators: `users require-mfa`, `roles require-mfa` and "
    "`MFA__REQUIRED_ACR` say who must have one.",
    "malformed_request": "What came is not HTTP/1.1, or breaks one of its rules. Look at the client and the proxies.",
    "method_not_allowed": "The header `Allow` names the methods of this address.",
    "mfa_required": "Go on at `/auth/mfa/verify` with `mfa_token` and one of `factors`; where `step` is `enrol`, at "
    "`/auth/mfa/enrol`. See `docs/second-factors.md`.",
    "missing_api_key": "Send the API key in the header that `WWW-Authenticate` names, never in the address.",
    "missing_body": "Send a JSON object as the body.",
    "missing_token": "Send `Authorization: Bearer <access token>`. If you do, look for a proxy that removes it.",
    "no_usable_factor": "The user enrols a factor first, or chooses a password; then this can be proven.",
    "no_second_factor": "Add an authenticator app or a passkey first: recovery codes stand in for one of these.",
    "no_signing_key": "For operators: this process holds no key to sign with. `auth-service doctor` says why, most "
    "often that `ENCRYPTION__KEYS` lost a key.",
    "not_authenticated": "Sign in and send the access token.",
    "not_found": "Check the address. What belongs to somebody else is answered alike.",
    "not_ready": "For operators: `failing` names what keeps this process from serving; the load balancer sends "
    "requests elsewhere meanwhile.",
    "overlap_too_short": "Leave `--overlap-seconds` out, or name at least the seconds that `detail` tells. `--force` "
    "only when the former key has leaked: honest tokens are then refused.",
    "password_refused": "Read `errors`: each has a `code` (`too_short`, `too_long`, `too_common`, `too_personal`, "
    "`too_weak`, `not_text`) and words to show. Several words in a row make a good password.",
    "purge_busy": "One purge runs at a time, in whichever worker or command began first. Try again later.",
    "refresh_token_reused": "A spent refresh token came back, so its session was ended: it may be stolen. Let the user "
    "sign in. In a client: keep the new refresh token before using it, and let one task at a time refresh.",
    "request_timeout": "The body must be whole 20 seconds after it began. Look at the network.",
    "revocation_state_unknown": "The SDK hears nothing of the feed of revocations and could not ask either. Try again "
    "after `Retry-After`; check the way from this service to `auth_base_url`, and its clock. "
    '`on_stale="lenient"` serves meanwhile.',
    "right_not_held": "Ask an administrator who holds that permission. Whoever gives, takes or acts against a right at "
    "this service holds it.",
    "role_exists": "Take another name, or use the role that has it.",
    "role_not_found": "`auth-service roles list` shows every role; `auth-service roles create NAME` makes one.",
    "rotation_conflict": "Somebody else just rotated this key, as you wanted. Look: `auth-service keys list`.",
    "search_refused": "Search by one of `email`, `name` and the time of creation, and leave `order` out.",
    "scope_not_held": "Ask for scopes that the owner holds at the key's audience, in a session that was not signed in "
    "for fewer.",
    "sign_up_closed": "An operator makes the accounts here (`ACCOUNTS__SIGNUP_OPEN`).",
    "stream_broken_off": "Send the whole stream again with the same `import_id`; what was done is only compared.",
    "too_many_attempts": "Wait for `Retry-After`; the header `RateLimit` tells what remains. For operators: "
    "`docs/rate-limits.md` lists every limit, its setting, and what to do where many people share one address.",
    "too_many_exports": "Wait for `Retry-After`, and keep the file you have: `ACCOUNT__EXPORTS_PER_HOUR` is the limit.",
    "too_many_groups": "Take the user out of a group first: a user is in at most 100.",
    "too_many_requests": "Wait for `Retry-After`.",
    "unauthorized_client": "Register the client for this grant type.",
    "unavailable": "Wait for `Retry-After` and try again.",
    "unsupported_grant_type": "Use a grant type that the metadata lists.",
    "unsupported_media_type": "Send `Content-Type: application/json`.",
    "user_not_found": "`auth-service users list --email …` shows who there is.",
    "user_suspended": "`auth-service users reactivate EMAIL` first.",
    "users_own_key": "Revoke the user's API key (`DELETE /admin/api-keys/{id}`); its user makes another one.",
    "validation_failed": "Read `errors`: each entry has a `pointer` into your body and says what is right there.",
    "wrong_password": "Send the present password as `current_password`. Who has forgotten it asks for a link: "
    "`POST /auth/password/forgot`.",
    "webhook_not_found": "Look the id up in `GET /admin/webhooks`; a deleted webhook does not come back.",
    "webhook_delivery_not_found": "Look the id up in the webhook's deliveries; they are kept for `WEBHOOKS__LOG_DAYS`.",
    "invalid_webhook": "Mend what `errors` names. A host that is not public is opened by `HTTP__ALLOW_PRIVATE`.",
    "too_many_webhooks": "Delete webhooks that nobody needs, or raise `WEBHOOKS__MAX_ENDPOINTS`.",
    "webhook_delivery_under_way": "Wait: it is tried again by itself. Only a delivery that has ended can be replayed.",
    "gone": "Begin again: what the request names will not come back.",
    "cursor_expired": "Ask for the feed without a cursor; the answer begins with a snapshot.",
    "feed_not_ready": "Try again in a second, or another process: this one has just begun, or is full.",
    "next_saml_key_exists": "Go on with it (`POST /admin/saml-keys/rotate`), or take it out "
    "(`DELETE /admin/saml-keys/{fingerprint}`).",
    "saml_key_not_found": "Look the fingerprint up in `GET /admin/saml-keys`.",
    "saml_key_not_ready": "Publish the next one (`POST /admin/saml-keys`), and wait until its `ready_at`; or say "
    "`force` where somebody else may have the key that signs.",
    "saml_key_in_use": "Rotate first, and wait for its `retires_at`. One that only opens still goes with `force=true`.",
    "saml_overlap_too_short": "Ask for two days or more, or say `force` where somebody else may have the key.",
    "identity_not_found": "Look the id up in `GET /auth/me/identities`, or in `GET /admin/users/{sub}/identities`.",
    "last_way_in": "Set a password (`POST /auth/password/forgot`) or add a passkey first; then unlink. "
    "Administrators may say `force=true`.",
    "invalid_exchange_code": "Begin at `/auth/oauth/{provider}/start` again. A code counts once, for 60 seconds, and "
    "with the `code_verifier` whose challenge `start` was given.",
    "invalid_logout_token": "Look at `upstream_logout.refused` in the audit log, and at the provider's client: its "
    "issuer and audience must be those of the connection.",
    "invalid_saml_logout": "Look at `upstream_logout.refused` in the audit log. The provider must sign its logout "
    "messages by a key of its metadata, and send them to the `slo` address of the connection.",
}
