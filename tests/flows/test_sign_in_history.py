"""What a person sees of the sign-ins to their account."""

import pytest

from tests.support import bearer, problem

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def tried(api, password, **headers):
    body = {"email": "ann@example.com", "password": password}
    return await api.post("/auth/login", json=body, headers=headers)


async def history(api, tokens, **query):
    answer = await api.get("/auth/me/sign-ins", headers=bearer(tokens), params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_sign_ins_and_failed_tries_are_listed_newest_first_in_plain_words(api, people):
    tokens = await people.signed_in()
    await tried(api, "not the password", **{"user-agent": FIREFOX})
    page = await history(api, tokens)
    failed, signed_in = page["items"]
    assert (failed["result"], failed["reason"]) == ("refused", "wrong password")
    assert (failed["device"], failed["factors"]) == ("Firefox (Linux)", [])
    assert (signed_in["result"], signed_in["reason"], signed_in["factors"]) == ("signed_in", None, ["password"])
    assert signed_in["audience"] == "http://localhost:8000"
    assert signed_in["ip"] == failed["ip"]
    assert page["next"] is None


async def test_the_history_is_paged_by_cursors_of_this_list_and_caller(api, people):
    tokens = await people.signed_in()
    for _ in range(4):
        await people.log_in()
    first = await history(api, tokens, limit=3)
    rest = await history(api, tokens, limit=3, after=first["next"])
    ids = [item["id"] for item in first["items"] + rest["items"]]
    assert len(ids) == len(set(ids)) == 5
    assert ids == sorted(ids, reverse=True)
    other = await people.signed_in("bob@example.com")
    for headers, path in ((bearer(other), "/auth/me/sign-ins"), (bearer(tokens), "/auth/sessions")):
        foreign = await api.get(path, headers=headers, params={"after": first["next"]})
        problem(foreign, 400, "invalid_cursor")


async def test_nobody_sees_the_sign_ins_of_others(api, people):
    await people.signed_in()
    other = await people.signed_in("bob@example.com")
    assert len((await history(api, other))["items"]) == 1


@pytest.mark.parametrize("path", ["/auth/me/sign-ins", "/auth/me/export"])
async def test_a_token_for_another_audience_opens_neither_history_nor_export(api, people, path):
    elsewhere = await people.signed_in(audience="orders-api")
    problem(await api.get(path, headers=bearer(elsewhere)), 401, "invalid_token")
    problem(await api.get(path), 401, "missing_token")
