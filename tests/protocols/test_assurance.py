"""What proofs amount to."""

import pytest

from app.protocols.assurance import ACR, Evidence, assurance_of, best, satisfies

PWD = Evidence(amr=("pwd",))
OTP = Evidence(amr=("otp",))
MAIL = Evidence(amr=("email",))
TOUCHED = Evidence(amr=("swk", "user"), phishing_resistant=True)
VERIFIED = Evidence(amr=("hwk", "user"), phishing_resistant=True, user_verified=True)


@pytest.mark.spec("RFC 8176 §2")
@pytest.mark.parametrize(
    ("proofs", "amr", "acr"),
    [
        ([PWD], ("pwd",), ACR.AAL1),
        ([MAIL], ("email",), ACR.AAL1),
        ([TOUCHED], ("swk", "user"), ACR.AAL1),
        ([OTP, TOUCHED], ("otp", "swk", "user"), ACR.AAL1),
        ([PWD, PWD], ("pwd",), ACR.AAL1),
        ([PWD, OTP], ("pwd", "otp", "mfa"), ACR.AAL2),
        ([MAIL, OTP], ("email", "otp", "mfa"), ACR.AAL2),
        ([PWD, TOUCHED], ("pwd", "swk", "user", "mfa"), ACR.AAL2),
        ([VERIFIED], ("hwk", "user", "mfa"), ACR.PHR),
        ([PWD, VERIFIED], ("pwd", "hwk", "user", "mfa"), ACR.PHR),
    ],
)
def test_proofs_of_different_kinds_add_up(proofs, amr, acr):
    assurance = assurance_of(*proofs)
    assert (assurance.amr, assurance.acr) == (amr, acr)


def test_a_later_proof_adds_to_a_sign_in_and_never_takes_from_it():
    assert assurance_of(PWD).with_more(OTP) == assurance_of(PWD, OTP)
    strong = assurance_of(VERIFIED).with_more(PWD)
    assert (strong.amr, strong.acr) == (("hwk", "user", "pwd", "mfa"), ACR.PHR)


@pytest.mark.parametrize(
    ("acr", "required", "enough"),
    [
        ("aal1", "aal1", True),
        ("aal1", "aal2", False),
        ("aal2", "aal2", True),
        ("phr", "aal2", True),
        ("aal2", "phr", False),
        ("aal9", "aal1", False),
        ("phr", "aal9", False),
    ],
)
def test_a_better_proof_satisfies_a_lesser_demand(acr, required, enough):
    assert satisfies(acr, required) is enough


def test_the_highest_of_several_demands_counts():
    assert best([]) is ACR.AAL1
    assert best(["aal2", "aal1"]) is ACR.AAL2
    assert best(["aal2", "phr", "aal1"]) is ACR.PHR
