"""The `LIMITS__…` settings. In development every one is 100 times wider."""

from pydantic import BaseModel, ConfigDict, Field

_MOST = 1_000_000


class LimitSettings(BaseModel):
    """How many attempts there may be."""

    model_config = ConfigDict(frozen=True)

    login_per_account: int = Field(
        default=5, ge=1, le=_MOST, description="Sign-ins a minute for one account from one address (IPv6: one /64)."
    )
    login_per_address: int = Field(
        default=30,
        ge=1,
        le=_MOST,
        description="Sign-ins a minute from one address. Many people behind one address need more.",
    )
    login_failures: int = Field(
        default=100,
        ge=1,
        le=_MOST,
        description=(
            "Wrong passwords in a row that lock an account: then only a mailed code, a reset or a device that is "
            "signed in opens it. NIST SP 800-63B-4 §3.2.2 allows at most 100."
        ),
    )
    signup_per_address: int = Field(default=10, ge=1, le=_MOST, description="Sign-ups an hour from one address.")
    federated_starts_per_address: int = Field(
        default=60,
        ge=1,
        le=_MOST,
        description="Sign-ins by other providers begun a minute from one address: each leaves a row and asks somebody.",
    )
    mail_per_mailbox: int = Field(
        default=3, ge=1, le=10_000, description="Mails that strangers may cause in 15 minutes to one mailbox."
    )
    factor_per_user: int = Field(
        default=10,
        ge=1,
        le=10_000,
        description="Passwords or codes that one user who is signed in may try in 15 minutes to change a credential.",
    )
    processes: int = Field(
        default=1,
        ge=1,
        le=10_000,
        description=(
            "Web processes of the whole deployment, for what each may let through while Valkey is away; what "
            "`serve --workers` starts counts at least."
        ),
    )
    step_up_per_user: int = Field(
        default=30,
        ge=1,
        le=_MOST,
        description="Challenges for action tokens, and codes or passkeys at step-up, of one user in a minute.",
    )
    client_failures: int = Field(
        default=20, ge=1, le=_MOST, description="Failed authentications a minute of one client from one address."
    )
    refused_authorizations: int = Field(
        default=60,
        ge=1,
        le=_MOST,
        description=(
            "Refused authorizations a minute of one client from one address whose explanation is kept. The others are "
            "answered alike and leave nothing behind."
        ),
    )
    spraying_accounts_per_network: int = Field(
        default=20,
        ge=2,
        le=_MOST,
        description=(
            "Different accounts that fail to sign in from one network (IPv4 /24, IPv6 /48) within 10 to 20 minutes, "
            "while failures outnumber successes, which is taken for one password tried on many."
        ),
    )
    spraying_accounts: int = Field(
        default=500, ge=2, le=_MOST, description="The same from everywhere together; a large deployment needs more."
    )
    spraying_login_per_network: int = Field(
        default=10,
        ge=1,
        le=_MOST,
        description="Sign-ins a minute from one network while it sprays, save where the account signed in before.",
    )
    spraying_login: int = Field(
        default=60,
        ge=1,
        le=_MOST,
        description="Sign-ins a minute altogether while all is sprayed, save where the account signed in before.",
    )
