"""What it costs to judge a SAML response, beside what nobody can do without: one RSA check and one reading of the XML.

`python -m bench.saml [SECONDS]`: CPU time of one thread, all cases in turns, the median of the rounds.
"""

import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree

from app.protocols.saml.conditions import Believed
from app.protocols.saml.document import read_document, write_document
from app.protocols.saml.names import tag
from app.protocols.saml.requests import ISSUER
from app.protocols.saml.response import Expected, judge_response
from app.protocols.saml.signature import signed
from app.protocols.trace import Trace

GOAL_MS = 2.0
_ROUNDS = 9
_NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
_IDP, _SP, _ACS = "https://idp.example.org/saml", "https://auth.example.com/metadata", "https://auth.example.com/acs"
_GROUPS = "".join(f"<saml:AttributeValue>group-{number}</saml:AttributeValue>" for number in range(20))
_RESPONSE = f"""<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_response" Version="2.0"
 IssueInstant="2026-11-21T12:00:00Z" Destination="{_ACS}" InResponseTo="_request">
<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{_IDP}</saml:Issuer>
<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>
<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_assertion" Version="2.0"
 IssueInstant="2026-11-21T12:00:00Z"><saml:Issuer>{_IDP}</saml:Issuer><saml:Subject><saml:NameID>ann</saml:NameID>
<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData
 Recipient="{_ACS}" NotOnOrAfter="2026-11-21T12:05:00Z" InResponseTo="_request"/></saml:SubjectConfirmation>
</saml:Subject><saml:Conditions NotBefore="2026-11-21T11:59:00Z" NotOnOrAfter="2026-11-21T12:05:00Z">
<saml:AudienceRestriction><saml:Audience>{_SP}</saml:Audience></saml:AudienceRestriction></saml:Conditions>
<saml:AuthnStatement AuthnInstant="2026-11-21T12:00:00Z" SessionIndex="_1"><saml:AuthnContext>
<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef>
</saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement>
<saml:Attribute Name="mail"><saml:AttributeValue>ann@corp.example</saml:AttributeValue></saml:Attribute>
<saml:Attribute Name="groups">{_GROUPS}</saml:Attribute></saml:AttributeStatement></saml:Assertion></samlp:Response>"""


def main() -> int:
    """Print the table. The exit status is 1 where a response costs more than the goal."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 0.3
    key = generate_private_key(65537, 2048)
    cases = _cases(key, _certificate(key))
    rounds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(_ROUNDS):
        for name, work in cases.items():
            rounds[name].append(_cpu_milliseconds(work, seconds))
    medians = {name: statistics.median(taken) for name, taken in rounds.items()}
    floor = medians["bare: one RSA check, one reading"]
    print(f"{'':42}{'CPU, ms':>10}{'times the bare':>16}")
    for name, median in medians.items():
        print(f"{name:42}{median:>10.3f}{median / floor:>16.1f}")
    judged = max(medians.values())
    print(f"goal: below {GOAL_MS:g} ms, whatever is signed: {'met' if judged < GOAL_MS else 'missed'}")
    return 0 if judged < GOAL_MS else 1


def _cases(key: RSAPrivateKey, certificate: x509.Certificate) -> dict[str, Callable[[], object]]:
    expected = Expected(
        certificates=[certificate],
        believed=Believed(issuer=_IDP, audience=_SP, acs_url=_ACS, request_id="_request", skew=timedelta(seconds=60)),
    )
    inner, outer, both = (_signed(key, certificate, *which) for which in ((True, False), (False, True), (True, True)))
    content, public_key = b"x" * 1000, key.public_key()
    signature = key.sign(content, PKCS1v15(), SHA256())

    def bare() -> None:
        etree.fromstring(inner)
        public_key.verify(signature, content, PKCS1v15(), SHA256())

    def judged(document: bytes) -> Callable[[], object]:
        return lambda: judge_response(document, expected, now=_NOW, trace=Trace())

    return {
        "bare: one RSA check, one reading": bare,
        "judged: the assertion is signed": judged(inner),
        "judged: the response is signed": judged(outer),
        "judged: both are signed": judged(both),
    }


def _signed(key: RSAPrivateKey, certificate: x509.Certificate, assertion: bool, response: bool) -> bytes:
    root = read_document(_RESPONSE.encode())
    if assertion:
        plain = root.find(tag("saml:Assertion"))
        assert plain is not None
        alone = read_document(write_document(plain))
        root.replace(plain, signed(alone, key, certificate, after=ISSUER))
    return write_document(signed(root, key, certificate, after=ISSUER) if response else root)


def _certificate(key: RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp.example.org")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(_NOW).not_valid_after(_NOW + timedelta(days=365))
    return builder.sign(key, SHA256())


def _cpu_milliseconds(work: Callable[[], object], seconds: float) -> float:
    """For one time, over as many as fit."""
    count, began = 0, time.process_time()
    while time.process_time() - began < seconds:
        work()
        count += 1
    return (time.process_time() - began) / count * 1000


if __name__ == "__main__":
    sys.exit(main())
