"""Builds every service of a process, and joins what crosses features."""

from datetime import timedelta

from app.account.history import SignInHistory
from app.account.mfa.service import OwnSecondFactors
from app.account.service import Account
from app.admin.counting import Counting
from app.audiences.define import AudienceRegistration
from app.audiences.rotate_keys import SigningKeyRotation
from app.audit.anchors import Anchors
from app.audit.erasure import AuditErasure
from app.audit.search import AuditSearch
from app.clients.service import Clients
from app.correspondence import Correspondence
from app.factors.email_code.service import EmailCodes
from app.factors.password.blocklist import CommonPasswords
from app.factors.password.factor import PasswordFactor
from app.factors.password.hashing import PasswordHasher
from app.factors.password.lockout import Lockout
from app.factors.password.service import SERVICE_NAME, Passwords
from app.foundation.cookies import Cookies
from app.foundation.csrf import CSRF
from app.foundation.fresh import FreshAuth
from app.foundation.idempotency.service import IdempotentAnswers
from app.foundation.language import Languages
from app.foundation.mail.composition import Composer
from app.foundation.mail.outbox import Outbox
from app.foundation.mail.sent import SentMails
from app.foundation.pagination import Cursors
from app.foundation.principal import ResolverSlot
from app.grants.by_cookie import BrowserInspection
from app.grants.inspect import GrantInspection
from app.grants.issue import GrantIssuance
from app.grants.mint import AccessTokenMinter
from app.lifecycle.administrator import AdministratorCreation
from app.lifecycle.closing import AccountClosing
from app.lifecycle.factor_set import FactorSet
from app.lifecycle.second_factors import SecondFactors
from app.lifecycle.service import UserLifecycle
from app.links.service import Links
from app.principals.service import BearerPrincipals, Principals
from app.services import Services
from app.sessions.service import SessionLifetimes, Sessions
from app.settings import Settings
from app.signing_keys.withdraw import KeyWithdrawal
from app.wiring import purge, restore, webhooks
from app.wiring.account import build_export
from app.wiring.api_keys import build_api_keys, build_own_api_keys
from app.wiring.authorization import build_authorization
from app.wiring.brokering import build_brokering
from app.wiring.codes import build_codes
from app.wiring.configuration import build_configuration
from app.wiring.ending import build_ending
from app.wiring.entrances import Entrances
from app.wiring.federation import build_federation
from app.wiring.ground import Ground
from app.wiring.hosted import build_hosted
from app.wiring.introspection import build_introspection
from app.wiring.oauth import build_oauth
from app.wiring.people import People
from app.wiring.registry import build_registry
from app.wiring.revocation import build_feed, build_filter_keeper
from app.wiring.rights import RightsParts
from app.wiring.rotation import build_rotation
from app.wiring.saml import build_saml
from app.wiring.signals import build_batches
from app.wiring.stepup import build_step_up
from app.wiring.trust import build_trust


def build(settings: Settings) -> Services:
    """Build every service of a process. Nothing is connected yet."""
    ground = Ground.build(settings)
    issuer, clock, db, audit, keyring = ground.issuer, ground.clock, ground.db, ground.audit, ground.keyring
    limits, keys, audiences, roles, users = ground.limits, ground.keys, ground.audiences, ground.roles, ground.users
    lockout = Lockout(clock, audit, most=settings.limits.login_failures * ground.width)
    rights = RightsParts.build(ground)
    role_registration, role_assignments = rights.registration, rights.assignments
    audience_registration = AudienceRegistration(db, clock, audit, audiences, keys, issuer=issuer)
    composer, languages = Composer(service=settings.host), Languages()
    links = Links(db, clock, settings.links, public_url=issuer)
    hasher = PasswordHasher(threads=settings.passwords.threads, queue=settings.passwords.hash_queue)
    passwords = Passwords(
        db,
        clock,
        users=users,
        hasher=hasher,
        common=CommonPasswords(),
        min_length=settings.passwords.min_length,
        public_url=issuer,
    )
    refresh_lifetime = timedelta(seconds=settings.jwt.refresh_token_seconds)
    revocations, identities, given = ground.revocations, ground.identities, rights.provider_rights
    sessions = Sessions(clock, audit, revocations, SessionLifetimes.of(settings.sessions, idle=refresh_lifetime))
    minter = AccessTokenMinter(clock, keys, issuer=issuer, default_seconds=settings.jwt.access_token_seconds)
    issuance = GrantIssuance(clock, roles, minter, refresh_lifetime=refresh_lifetime)
    inspection, clients = GrantInspection(db, clock), Clients(clock, audit, audiences, revocations)
    codes = build_codes(ground, sessions, minter)
    rotation = build_rotation(ground, sessions, codes.ending, minter)
    oauth = build_oauth(ground, clients, codes, rotation)
    principals = BearerPrincipals(keys, inspection, oauth.liveness, lookup=ground.lookup, issuer=issuer)
    browsers = BrowserInspection(db, clock, audiences=audiences, roles=roles)
    api_keys = build_api_keys(ground, clients)
    outbox = Outbox(clock, keyring, domain=settings.host)
    post = Correspondence(
        db, clock, audit, users, passwords, lockout, sessions, links, outbox, limits, api_keys.registry, given
    )
    wasnt_me = post.wasnt_me
    email_codes = EmailCodes(
        db, clock, keyring, outbox=outbox, users=users, wasnt_me=wasnt_me, limits=limits, settings=settings.email_codes
    )
    factors = FactorSet.build(
        PasswordFactor(db, passwords),
        email_codes,
        clock=clock,
        keyring=keyring,
        audit=audit,
        public_url=issuer,
        name=SERVICE_NAME,
        totp_tries=settings.mfa.totp_tries,
    )
    audit_erasure, trusted = AuditErasure(db, clock, audit), build_trust(ground)
    lifecycle = UserLifecycle(
        db,
        users=users,
        passwords=passwords,
        roles=role_assignments,
        groups=rights.groups,
        sessions=sessions,
        factors=factors.registry,
        links=links,
        interruption=post.interruption,
        revocations=revocations,
        erasure=audit_erasure,
        consents=oauth.consents,
        trusted=trusted,
        identities=identities,
    )
    grace = timedelta(seconds=settings.accounts.deletion_grace_seconds)
    closing = AccountClosing(db, clock, lifecycle, users=users, outbox=outbox, links=links, grace=grace)
    required_acr = settings.mfa.required_acr
    second_factors = SecondFactors(
        db, audit, users=users, roles=role_assignments, sessions=sessions, factors=factors, required_acr=required_acr
    )
    entrances = Entrances.build(
        ground,
        trusted=trusted,
        passwords=passwords,
        lockout=lockout,
        sessions=sessions,
        issuance=issuance,
        factors=factors,
        second_factors=second_factors,
        email_codes=email_codes,
        interruption=post.interruption,
    )
    step_up = build_step_up(ground, factors=factors.registry, lockout=lockout, sessions=sessions, minter=minter)
    people = People.build(ground, post, factors=factors.registry, assignments=role_assignments, minter=minter)
    hooks = webhooks.build(ground, outbox=outbox)
    withdrawal = KeyWithdrawal(db, clock, keyring, audit, revocations=revocations, keys=keys)
    fresh = FreshAuth(clock, within=timedelta(seconds=settings.account.fresh_auth_seconds))
    hosted = build_hosted(ground)
    federation, saml = build_federation(ground, rights)
    brokering = build_brokering(
        ground,
        federation,
        rights,
        factors=factors.registry,
        sessions=sessions,
        issuance=issuance,
        sign_in=entrances.sign_in,
        browsers=browsers,
        pages=hosted.sign_in,
        verification=post.verification,
    )
    return Services(
        settings=settings,
        clock=clock,
        db=db,
        cache=ground.cache,
        limits=limits,
        keyring=keyring,
        outbound=ground.outbound,
        languages=languages,
        pages=hosted.pages,
        hosted=hosted,
        authorization=build_authorization(ground, oauth, codes, browsers=browsers, pages=hosted.sign_in),
        audit=audit,
        revocations=revocations,
        wake=ground.wake,
        follower=ground.follower,
        feed=(feed := build_feed(ground)),
        filter_keeper=build_filter_keeper(ground, feed),
        lookup=ground.lookup,
        anchors=Anchors(db, clock, ground.outbound, settings.audit),
        batches=build_batches(ground),
        composer=composer,
        outbox=outbox,
        sent_mails=SentMails(db, keyring=keyring, composer=composer, development=not settings.is_production),
        keys=keys,
        key_rotation=SigningKeyRotation(
            db, keys, withdrawal, audiences, default_seconds=settings.jwt.access_token_seconds
        ),
        key_withdrawal=withdrawal,
        audiences=audiences,
        audience_registration=audience_registration,
        configuration=build_configuration(
            ground, audience_registration, rights, clients=clients, hooks=hooks, federation=federation
        ),
        roles=roles,
        role_registration=role_registration,
        role_assignments=role_assignments,
        groups=rights.groups,
        permissions=rights.catalogue,
        clients=clients,
        api_keys=api_keys,
        own_api_keys=build_own_api_keys(
            ground, api_keys, sessions, factors=factors.registry, grants=inspection, fresh=fresh
        ),
        client_authentication=oauth.authentication,
        oauth=oauth,
        codes=codes,
        links=links,
        flows=ground.flows,
        wasnt_me=wasnt_me,
        users=users,
        user_imports=people.imports,
        user_export=people.export,
        user_administration=people.administration,
        impersonation=people.impersonation,
        hasher=hasher,
        passwords=passwords,
        factors=factors.registry,
        second_factors=second_factors,
        lockout=lockout,
        sessions=sessions,
        issuance=issuance,
        rotation=rotation,
        inspection=inspection,
        lifecycle=lifecycle,
        verification=post.verification,
        email_change=post.email_change,
        recovery=post.recovery,
        owners_interruption=post.owners_interruption(second_factors),
        closing=closing,
        ending=build_ending(ground, post.interruption, clients=clients, api_keys=api_keys.registry),
        administrators=AdministratorCreation(
            db,
            audit,
            users=users,
            passwords=passwords,
            roles=role_registration,
            assignments=role_assignments,
            sessions=sessions,
        ),
        registration=post.registration(hide_existence=settings.hides_existence),
        sign_in=entrances.sign_in,
        login=entrances.login,
        second_step=entrances.second_step,
        passkey_sign_in=entrances.passkey_sign_in,
        email_code_sign_in=entrances.email_code_sign_in,
        reauthentication=step_up.reauthentication,
        action_tokens=step_up.action_tokens,
        action_token_consumption=step_up.consumption,
        principals=principals,
        browsers=browsers,
        introspection=build_introspection(ground, api_keys, oauth, inspection),
        resolver=ResolverSlot(Principals(principals, browsers, api_keys.inspection)),
        account=Account(
            db, post.email_change, post.password_change, users=users, sessions=sessions, closing=closing, fresh=fresh
        ),
        trusted_browsers=trusted,
        sign_in_history=SignInHistory(db),
        account_export=build_export(
            ground, sessions, rights, factors, consents=oauth.consents, trusted=trusted, fresh=fresh
        ),
        own_second_factors=OwnSecondFactors(
            db, users=users, factors=factors, second_factors=second_factors, fresh=fresh
        ),
        fresh=fresh,
        idempotent_answers=IdempotentAnswers(db, clock, keyring),
        counting=Counting(db),
        cursors=Cursors(keyring),
        cookies=Cookies(secure=settings.is_production or issuer.startswith("https:")),
        csrf=CSRF(keyring, public_url=issuer, origins=settings.cors.origins),
        purge=purge.build(ground),
        restoration=restore.build(ground),
        audit_search=AuditSearch(db, clock, audit),
        audit_erasure=audit_erasure,
        webhooks=hooks,
        federation=federation,
        brokering=brokering,
        registry=(registry := build_registry(ground, oauth, sessions)),
        saml=build_saml(ground, saml, federation, brokering, browsers=browsers, sign_out=registry.browser),
    )
