"""Every feature's tables in one metadata, for the migrations and the check that both agree."""

import app.admin.configuration.models
import app.apikeys.models
import app.audiences.models
import app.audit.models
import app.brokering.models
import app.clients.models
import app.consents.models
import app.factors.email_code.models
import app.factors.passkey.models
import app.factors.password.models
import app.factors.recovery_code.models
import app.factors.totp.models
import app.federation.identities.models
import app.federation.providers.models
import app.federation.saml.models
import app.flows.models
import app.foundation.idempotency.models
import app.foundation.mail.models
import app.grants.models
import app.groups.models
import app.hosted.models
import app.lifecycle.models
import app.links.models
import app.login.models
import app.logout.models
import app.revocation.models
import app.roles.models
import app.sessions.models
import app.signing_keys.models
import app.stepup.models
import app.transfer.models
import app.trust.models
import app.users.models
import app.webhooks.models  # noqa: F401 — imported for what it adds to the metadata
from app.foundation.db import Model

metadata = Model.metadata
