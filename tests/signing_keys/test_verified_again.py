"""A token whose signature held a moment ago: nothing but the signature is taken from then."""

import pytest

from app.protocols.jose.algorithms import Algorithm
from app.protocols.jose.signature import Verifier
from app.signing_keys import verified
from app.signing_keys.errors import InvalidToken
from app.signing_keys.material import generate
from app.signing_keys.verified import VerifiedToken, VerifiedTokens
from tests.signing_keys.support import ISSUER, execute, kid_of

pytestmark = pytest.mark.anyio

EXPECTED = {"typ": "at+jwt", "issuer": ISSUER}


@pytest.mark.attack("KEY-02")
async def test_its_key_its_time_and_its_reader_are_judged_each_time(deployment):
    keys = await deployment.process()
    token = keys.sign(deployment.claims(jti="one"), algorithm=Algorithm.RS256, typ="at+jwt")
    first = await keys.verify(token, **EXPECTED)
    assert (await keys.verify(token, **EXPECTED)).members == first.members
    for other in ({"typ": "JWT"}, {"issuer": ISSUER + "/"}, {"audience": "billing-api"}):
        with pytest.raises(InvalidToken):
            await keys.verify(token, **(EXPECTED | other))
    deployment.pass_time(629)
    await keys.verify(token, **EXPECTED)
    deployment.pass_time(2)
    with pytest.raises(InvalidToken):
        await keys.verify(token, **EXPECTED)
    deployment.pass_time(-631)
    await keys.verify(token, **EXPECTED)
    await execute(deployment.url, f"UPDATE signing_keys SET state = 'revoked' WHERE kid = '{kid_of(token)}'")
    await keys.refresh()
    with pytest.raises(InvalidToken):
        await keys.verify(token, **EXPECTED)


async def test_a_text_that_differs_in_one_character_is_another_token(deployment):
    keys = await deployment.process()
    token = keys.sign(deployment.claims(), algorithm=Algorithm.RS256, typ="at+jwt")
    await keys.verify(token, **EXPECTED)
    for other in (f"{token}=", f" {token}", token[:-1] + ("A" if token[-1] != "A" else "E"), f"{token}\udcff"):
        with pytest.raises(InvalidToken):
            await keys.verify(other, **EXPECTED)


async def test_no_more_are_kept_than_two_generations():
    material = await generate(Algorithm.ES256)
    verifier = Verifier(material.private_key.public_key())
    kept = VerifiedTokens()
    for number in range(5 * verified.MOST_KEPT):
        assert kept.find(str(number)) is None
        kept.keep(str(number), VerifiedToken(kid="k", verifier=verifier, typ="JWT", members={"n": number}))
    found = [number for number in range(5 * verified.MOST_KEPT) if kept.find(str(number)) is not None]
    assert verified.MOST_KEPT <= len(found) <= 2 * verified.MOST_KEPT
    assert found[-1] == 5 * verified.MOST_KEPT - 1
