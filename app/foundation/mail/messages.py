"""What each mail says and which values it takes. English here is the key to the other languages' catalogues.

A template's values, as `Outbox.put` takes them:

| template | values |
|---|---|
| `verify_email`, `email_changed_new` | `url`, `expires_in` (seconds) |
| `email_changed_old` | `new_email`, `at`, `wasnt_me_url` |
| `password_reset` | `url`, `expires_in`, `wasnt_me_url` |
| `password_changed` | `at`, `device`, `wasnt_me_url` |
| `login_code`, `confirm_code` | `code`, `expires_in`, `wasnt_me_url` |
| `account_exists` | `login_url`, `reset_url` |
| `new_device` | `at`, `device`, `ip`, `wasnt_me_url` |
| `account_locked` | `at`, `ip`, `reset_url`, `wasnt_me_url` |
| `mfa_changed` | `change`, `at`, `device`, `ip`, `wasnt_me_url` |
| `api_key_created` | `name`, `at`, `device`, `ip`, `wasnt_me_url` |
| `api_key_leaked` | `name`, `at`, `wasnt_me_url` |
| `identity_linked`, `identity_unlinked` | `provider`, `at`, `device`, `ip`, `wasnt_me_url` |
| `webhook_paused` | `at`, `host` |
| `invitation` | `url`, `expires_in` |
| `impersonated` | `at` |
| `account_deletion` | `at` (when it is final), `url` (gives the account back) |

A name that ends in `url` is an absolute https or http address and `code` is six digits; `expires_in` is a whole
number of seconds; `at` is an aware datetime; the others are short texts, shown as they are. `change` is a key of
`MFA_CHANGES`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


def _(words: str) -> str:
    """Mark words for the catalogue, which translates them when a mail is composed."""
    return words


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One mail's words. In them `%(name)s` stands for a value.

    `button` is a label and the name of the value that holds its address; `code` names the value shown large.
    `facts` are labels of values in a list. One that `warns` ends with the link that undoes what somebody else did.
    """

    subject: str
    paragraphs: tuple[str, ...]
    button: tuple[str, str] | None = None
    second_button: tuple[str, str] | None = None
    code: str | None = None
    facts: tuple[tuple[str, str], ...] = ()
    closing: tuple[str, ...] = ()
    warns: bool = False
    values: frozenset[str]


WASNT_ME = _("This was not me")
WASNT_ME_WORDS = _(
    "If this was not you, use this link. It signs everyone out of your account and stops whatever is under way:"
)
FOOTER = _("This mail was sent by %(service)s because of something that happened with this address or its account.")
LINK_WORDS = _("If the button does not work, copy this address into your browser:")
NEVER_SHARE = _("Nobody from our side will ever ask you for this code. Do not pass it on.")
NOT_YOU_IGNORE = _("If you did not ask for this, you need not do anything.")

MFA_CHANGES: Mapping[str, str] = MappingProxyType(
    {
        "totp_added": _("An authenticator app was added."),
        "totp_removed": _("An authenticator app was removed."),
        "passkey_added": _("A passkey was added."),
        "passkey_removed": _("A passkey was removed."),
        "recovery_codes_made": _("New recovery codes were made; the former ones no longer work."),
        "recovery_code_used": _("A recovery code was used."),
        "reset": _("All your second factors were removed by an administrator."),
    }
)
"""What `mfa_changed` can tell, by the value `change`."""

MESSAGES: Mapping[str, Message] = MappingProxyType(
    {
        "verify_email": Message(
            subject=_("Confirm your e-mail address"),
            paragraphs=(_("Please confirm that this address is yours. The link is valid for %(expires_in)s."),),
            button=(_("Confirm address"), "url"),
            closing=(NOT_YOU_IGNORE,),
            values=frozenset({"url", "expires_in"}),
        ),
        "email_changed_new": Message(
            subject=_("Confirm your new e-mail address"),
            paragraphs=(
                _("Somebody asked that this become the address of their account."),
                _("If it was you, confirm it. The link is valid for %(expires_in)s."),
            ),
            button=(_("Confirm address"), "url"),
            closing=(NOT_YOU_IGNORE,),
            values=frozenset({"url", "expires_in"}),
        ),
        "email_changed_old": Message(
            subject=_("Your e-mail address is being changed"),
            paragraphs=(
                _("A new address was given for your account. Once confirmed, it takes the place of this one."),
            ),
            facts=((_("New address"), "new_email"), (_("When"), "at")),
            warns=True,
            values=frozenset({"new_email", "at", "wasnt_me_url"}),
        ),
        "password_reset": Message(
            subject=_("Set a new password"),
            paragraphs=(
                _("Somebody asked to set a new password for your account. The link is valid for %(expires_in)s, once."),
            ),
            button=(_("Set a new password"), "url"),
            closing=(NOT_YOU_IGNORE,),
            warns=True,
            values=frozenset({"url", "expires_in", "wasnt_me_url"}),
        ),
        "password_changed": Message(
            subject=_("Your password was changed"),
            paragraphs=(_("The password of your account was changed, and every session was ended."),),
            facts=((_("When"), "at"), (_("Device"), "device")),
            warns=True,
            values=frozenset({"at", "device", "wasnt_me_url"}),
        ),
        "login_code": Message(
            subject=_("Your sign-in code"),
            paragraphs=(_("Enter this code where you are signing in. It is valid for %(expires_in)s."),),
            code="code",
            closing=(NEVER_SHARE,),
            warns=True,
            values=frozenset({"code", "expires_in", "wasnt_me_url"}),
        ),
        "confirm_code": Message(
            subject=_("Your confirmation code"),
            paragraphs=(_("Enter this code where you were asked for it. It is valid for %(expires_in)s."),),
            code="code",
            closing=(NEVER_SHARE,),
            warns=True,
            values=frozenset({"code", "expires_in", "wasnt_me_url"}),
        ),
        "account_exists": Message(
            subject=_("You already have an account"),
            paragraphs=(
                _("Somebody tried to make an account with this address, and there is one already."),
                _("If it was you, sign in, or set a new password if you have forgotten yours."),
            ),
            button=(_("Sign in"), "login_url"),
            second_button=(_("Set a new password"), "reset_url"),
            closing=(NOT_YOU_IGNORE,),
            values=frozenset({"login_url", "reset_url"}),
        ),
        "new_device": Message(
            subject=_("New sign-in to your account"),
            paragraphs=(_("Somebody signed in to your account on a device that we have not seen before."),),
            facts=((_("When"), "at"), (_("Device"), "device"), (_("Network address"), "ip")),
            warns=True,
            values=frozenset({"at", "device", "ip", "wasnt_me_url"}),
        ),
        "account_locked": Message(
            subject=_("Too many failed sign-ins"),
            paragraphs=(
                _("There were too many failed attempts to sign in to your account, so the password alone is refused."),
                _("You can still sign in with a code by mail, or on a device where you are signed in already."),
            ),
            facts=((_("When"), "at"), (_("Network address"), "ip")),
            button=(_("Set a new password"), "reset_url"),
            warns=True,
            values=frozenset({"at", "ip", "reset_url", "wasnt_me_url"}),
        ),
        "mfa_changed": Message(
            subject=_("Your second factors were changed"),
            paragraphs=("%(change)s",),
            facts=((_("When"), "at"), (_("Device"), "device"), (_("Network address"), "ip")),
            warns=True,
            values=frozenset({"change", "at", "device", "ip", "wasnt_me_url"}),
        ),
        "api_key_created": Message(
            subject=_("A new API key of your account"),
            paragraphs=(_("An API key was made in your account. Programs that have it act for you."),),
            facts=((_("Name"), "name"), (_("When"), "at"), (_("Device"), "device"), (_("Network address"), "ip")),
            warns=True,
            values=frozenset({"name", "at", "device", "ip", "wasnt_me_url"}),
        ),
        "api_key_leaked": Message(
            subject=_("An API key of your account has leaked"),
            paragraphs=(
                _("An API key of yours was seen where it should not be. It was revoked at once and works no more."),
                _("Make a new one for the programs that used it, and keep it out of code and logs."),
            ),
            facts=((_("Name"), "name"), (_("When"), "at")),
            warns=True,
            values=frozenset({"name", "at", "wasnt_me_url"}),
        ),
        "identity_linked": Message(
            subject=_("A sign-in provider was linked to your account"),
            paragraphs=(_("From now on a sign-in at %(provider)s opens your account too."),),
            facts=(
                (_("Provider"), "provider"),
                (_("When"), "at"),
                (_("Device"), "device"),
                (_("Network address"), "ip"),
            ),
            warns=True,
            values=frozenset({"provider", "at", "device", "ip", "wasnt_me_url"}),
        ),
        "identity_unlinked": Message(
            subject=_("A sign-in provider was unlinked from your account"),
            paragraphs=(_("A sign-in at %(provider)s no longer opens your account. Other sessions were ended."),),
            facts=(
                (_("Provider"), "provider"),
                (_("When"), "at"),
                (_("Device"), "device"),
                (_("Network address"), "ip"),
            ),
            warns=True,
            values=frozenset({"provider", "at", "device", "ip", "wasnt_me_url"}),
        ),
        "webhook_paused": Message(
            subject=_("A webhook was paused"),
            paragraphs=(
                _("Deliveries to %(host)s failed for so long that nothing is sent there any more."),
                _("Mend the receiver, resume the webhook, and replay what failed meanwhile."),
            ),
            facts=((_("Receiver"), "host"), (_("When"), "at")),
            values=frozenset({"at", "host"}),
        ),
        "invitation": Message(
            subject=_("An account was made for you"),
            paragraphs=(
                _("An administrator made you an account with this address."),
                _("Set a password to use it. The link is valid for %(expires_in)s, once."),
            ),
            button=(_("Set a password"), "url"),
            values=frozenset({"url", "expires_in"}),
        ),
        "impersonated": Message(
            subject=_("An administrator acted in your name"),
            paragraphs=(
                _("An administrator opened your account, to see what you see, for half an hour at most."),
                _("They cannot change your password, your address or your second factors in that time."),
            ),
            facts=((_("When"), "at"),),
            closing=(_("If you did not expect this, ask whoever runs the service. The reason is kept in its log."),),
            values=frozenset({"at"}),
        ),
        "account_deletion": Message(
            subject=_("Your account will be deleted"),
            paragraphs=(
                _("Your account is closed, every session was ended, and everything in it will be deleted."),
                _("Until then you can have it back, by this link alone."),
            ),
            button=(_("Keep my account"), "url"),
            facts=((_("Deleted for good"), "at"),),
            closing=(_("If it was not you who closed it, take it back and set a new password at once."),),
            values=frozenset({"at", "url"}),
        ),
    }
)
"""Every mail, by the name of its template."""
