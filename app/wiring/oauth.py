"""OAuth's endpoints, and what of clients they stand on."""

from app.clients.assertions import ClientAssertions
from app.clients.authenticate import ClientAuthentication
from app.clients.issued import IssuedTokens
from app.clients.keys import ClientKeys
from app.clients.live import ClientLiveness
from app.clients.origins import ClientOrigins
from app.clients.registered import ClientDirectory
from app.clients.service import Clients
from app.consents.service import Consents
from app.foundation.language import Languages
from app.grants.client_token import ClientTokens
from app.grants.inspect import GrantInspection
from app.grants.parts import CodeParts
from app.grants.revoke import TokenRevocation
from app.grants.rotate import RefreshTokenRotation
from app.grants.userinfo import UserInfo
from app.oauth.discovery import Discovery
from app.oauth.grant_types.authorization_code import AuthorizationCode
from app.oauth.grant_types.client_credentials import ClientCredentials
from app.oauth.grant_types.refresh_token import RefreshToken
from app.oauth.kernel.dispatch import Kernel
from app.oauth.kernel.storage import AuthStorage
from app.oauth.parts import OAuthParts
from app.oauth.token import TOKEN_PATH, TokenEndpoint
from app.revocation.kinds import RevocationKind
from app.wiring.ground import Ground


def build_oauth(ground: Ground, clients: Clients, codes: CodeParts, rotation: RefreshTokenRotation) -> OAuthParts:
    """Build them. A further grant type joins the list of the endpoint."""
    db, clock, audit, issuer = ground.db, ground.clock, ground.audit, ground.issuer
    directory, liveness = ClientDirectory(db), ClientLiveness(db)
    ground.follower.listen(
        RevocationKind.CLIENT_ID, lambda revoked: directory.forget(revoked.target), forget=directory.forget_all
    )
    names = frozenset({issuer, issuer + TOKEN_PATH})
    assertions = ClientAssertions(db, clock, ClientKeys(ground.outbound), audiences=names)
    authentication = ClientAuthentication(db, clock, audit, ground.limits, directory=directory, assertions=assertions)
    tokens = ClientTokens(
        clock,
        ground.keys,
        ground.audiences,
        IssuedTokens(db, clock, directory, ground.revocations),
        issuer=issuer,
        default_seconds=ground.settings.jwt.access_token_seconds,
    )
    storage = AuthStorage(db, clients=clients, tokens=tokens, liveness=liveness, keys=ground.keys, issuer=issuer)
    grant_types = (
        ClientCredentials(tokens, Kernel(storage)),
        AuthorizationCode(codes.redemption, codes.targets),
        RefreshToken(rotation, codes.tokens, codes.targets),
    )
    return OAuthParts(
        directory=directory,
        authentication=authentication,
        assertions=assertions,
        liveness=liveness,
        tokens=tokens,
        origins=ClientOrigins(db),
        consents=Consents(clock, audit),
        endpoint=TokenEndpoint(db, audit, authentication, grant_types),
        discovery=Discovery(issuer=issuer, ui_locales=tuple(language.tag for language in Languages())),
        userinfo=UserInfo(db, clock, keys=ground.keys, roles=ground.roles, issuer=issuer),
        revocation=TokenRevocation(
            db,
            clock,
            audit,
            keys=ground.keys,
            revocations=ground.revocations,
            ending=codes.ending,
            inspection=GrantInspection(db, clock),
            liveness=liveness,
            issuer=issuer,
        ),
    )
