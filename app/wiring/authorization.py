"""The authorization endpoint."""

from app.grants.by_cookie import BrowserInspection
from app.grants.parts import CodeParts
from app.hosted.begin import SignInPages
from app.oauth.authorization import Authorization
from app.oauth.authorization_parts import AuthorizationParts
from app.oauth.conclude import Conclusions
from app.oauth.explanations import Explanations
from app.oauth.id_token_hint import IDTokenHints
from app.oauth.judge import RequestJudge
from app.oauth.parts import OAuthParts
from app.oauth.progress import Progress
from app.wiring.ground import Ground


def build_authorization(
    ground: Ground, oauth: OAuthParts, codes: CodeParts, *, browsers: BrowserInspection, pages: SignInPages
) -> AuthorizationParts:
    """Build it."""
    db, clock, flows, issuer = ground.db, ground.clock, ground.flows, ground.issuer
    hints = IDTokenHints(ground.keys, issuer=issuer)
    conclusions = Conclusions(db, flows, ground.audit, ground.limits, issuer=issuer)
    progress = Progress(
        browsers=browsers, pages=pages, consents=oauth.consents, codes=codes.codes, conclusions=conclusions
    )
    return AuthorizationParts(
        authorization=Authorization(
            db,
            clock,
            flows=flows,
            clients=oauth.directory,
            judge=RequestJudge(codes.targets, hints),
            progress=progress,
            conclusions=conclusions,
        ),
        explanations=Explanations(development=not ground.settings.is_production),
        hints=hints,
    )
