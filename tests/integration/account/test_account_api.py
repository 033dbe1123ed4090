"""Accounts, sign-in and passwords, on both databases."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text

from services.account.model import Account
from services.account.sessions import Sessions
from services.kit.auth import TokenKey
from services.kit.database import Database
from services.kit.problems import Problem
from tests.support.audit import audited
from tests.support.services import KEY, bearer, make, serving

PASSWORD = "correct horse battery"
ANN = {"email": "Ann@Example.org", "name": "Ann", "password": PASSWORD}


@pytest.fixture
async def account(tmp_path: Path, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A running account service."""
    async with serving(make("account", tmp_path, database_url=database_url)) as client:
        yield client


async def sign_in(account: httpx.AsyncClient, password: str = PASSWORD) -> httpx.Response:
    credentials = {"email": "ann@example.org", "password": password}
    return await account.post("/sessions", json=credentials)


async def test_whoever_signs_up_can_sign_in_with_a_token_that_others_verify(
    account: httpx.AsyncClient,
) -> None:
    """The token carries who it is; the shared key is all that is needed to check it."""
    created = await account.post("/accounts", json=ANN)
    assert created.status_code == 201
    assert created.json()["email"] == "ann@example.org"
    session = await sign_in(account)
    assert session.status_code == 201
    assert session.json()["account"] == created.json()
    user = TokenKey(KEY).verify(session.json()["token"])
    assert (user.id, user.name, user.role) == (created.json()["id"], "Ann", "customer")
    headers = {"Authorization": f"Bearer {session.json()['token']}"}
    assert (await account.get("/accounts/me", headers=headers)).json() == created.json()


async def test_an_address_has_one_account_however_it_is_written(
    account: httpx.AsyncClient,
) -> None:
    """Of four sign-ups at once one is accepted; the others are told 409."""
    spellings = ("ann@example.org", "ANN@example.org", " ann@EXAMPLE.org ", "Ann@Example.Org")
    answers = await asyncio.gather(
        *(account.post("/accounts", json={**ANN, "email": one}) for one in spellings)
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_a_wrong_password_and_an_unknown_address_look_the_same(
    account: httpx.AsyncClient,
) -> None:
    """The same status and words, and about the same time."""
    await account.post("/accounts", json=ANN)
    seconds: dict[str, list[float]] = {"ann@example.org": [], "nobody@example.org": []}
    bodies = []
    for _ in range(5):
        for email, taken in seconds.items():
            start = time.perf_counter()
            answer = await account.post("/sessions", json={"email": email, "password": "wrong"})
            taken.append(time.perf_counter() - start)
            assert answer.status_code == 401
            bodies.append({k: v for k, v in answer.json().items() if k != "trace_id"})
    assert all(body == bodies[0] for body in bodies)
    known, unknown = (statistics.median(taken) for taken in seconds.values())
    assert unknown > known / 2


async def test_a_password_is_stored_as_a_salted_argon2id_hash_only(
    tmp_path: Path, database_url: str
) -> None:
    """Two accounts with one password have different hashes with the parameters of RFC 9106."""
    async with serving(make("account", tmp_path, database_url=database_url)) as account:
        for email in ("a@example.org", "b@example.org"):
            await account.post("/accounts", json={**ANN, "email": email})
    db = Database(database_url, "account")
    async with db.read() as session:
        hashes = list(await session.scalars(text("SELECT password_hash FROM accounts")))
    await db.close()
    assert len(set(hashes)) == 2
    assert all(one.startswith("$argon2id$v=19$m=65536,t=3,p=4$") for one in hashes)


async def test_hashing_does_not_hold_up_other_requests(account: httpx.AsyncClient) -> None:
    """While passwords are hashed the event loop goes on: many others are answered meanwhile."""
    work = asyncio.gather(*(sign_in(account) for _ in range(6)))
    answered = 0
    while not work.done():
        assert (await account.get("/livez")).status_code == 200
        answered += 1
        await asyncio.sleep(0)
    await work
    assert answered > 30


async def test_a_new_password_replaces_the_old_one(account: httpx.AsyncClient) -> None:
    """It takes the present one to set it, and afterwards only the new one is accepted."""
    await account.post("/accounts", json=ANN)
    token = (await sign_in(account)).json()["token"]
    account.headers["Authorization"] = f"Bearer {token}"
    change = {"current_password": "another", "new_password": "battery staple"}
    path = "/accounts/me/password"
    assert (await account.put(path, json=change)).status_code == 401
    change["current_password"] = PASSWORD
    assert (await account.put(path, json=change)).status_code == 204
    assert (await sign_in(account)).status_code == 401
    assert (await sign_in(account, "battery staple")).status_code == 201


async def check(account: httpx.AsyncClient, token: str) -> int:
    """What a token is worth: the status of asking whether its session is open."""
    headers = {"Authorization": f"Bearer {token}"}
    return (await account.get("/sessions/current", headers=headers)).status_code


async def test_signing_out_ends_this_session_and_no_other(account: httpx.AsyncClient) -> None:
    """The token is of no use from then on, however long it would have been good."""
    await account.post("/accounts", json=ANN)
    here, there = [(await sign_in(account)).json()["token"] for _ in range(2)]
    assert [await check(account, token) for token in (here, there)] == [204, 204]
    headers = {"Authorization": f"Bearer {here}"}
    for _ in range(2):
        assert (await account.delete("/sessions/current", headers=headers)).status_code == 204
    assert [await check(account, token) for token in (here, there)] == [401, 204]
    assert (await account.get("/accounts/me", headers=headers)).status_code == 401


async def test_a_new_password_ends_all_sessions_but_the_one_that_set_it(
    account: httpx.AsyncClient,
) -> None:
    """Whoever knew the old password is out."""
    await account.post("/accounts", json=ANN)
    tokens = [(await sign_in(account)).json()["token"] for _ in range(3)]
    change = {"current_password": PASSWORD, "new_password": "battery staple"}
    headers = {"Authorization": f"Bearer {tokens[0]}"}
    answer = await account.put("/accounts/me/password", json=change, headers=headers)
    assert answer.status_code == 204
    assert [await check(account, token) for token in tokens] == [204, 401, 401]


async def test_a_sign_in_that_a_new_password_overtakes_fails(
    account: httpx.AsyncClient, database_url: str
) -> None:
    """Verified with the old password, it would be a session that the change did not end."""
    await account.post("/accounts", json=ANN)
    token = (await sign_in(account)).json()["token"]
    db = Database(database_url, "account")
    async with db.read() as session:
        verified = (await session.scalars(select(Account))).one()
    change = {"current_password": PASSWORD, "new_password": "battery staple"}
    headers = {"Authorization": f"Bearer {token}"}
    await account.put("/accounts/me/password", json=change, headers=headers)
    with pytest.raises(Problem) as caught:
        await Sessions(db, TokenKey(KEY), timedelta(hours=1)).open(verified)
    assert caught.value.status == 401
    await db.close()


async def test_guessing_is_stopped_for_who_guesses_and_no_one_else(
    account: httpx.AsyncClient, audit_folder: Path
) -> None:
    """After ten wrong passwords from one address not even the right one is tried from there."""
    await account.post("/accounts", json=ANN)
    account.headers["X-Forwarded-For"] = "192.0.2.1"
    wrong = [(await sign_in(account, f"guess {n}")).status_code for n in range(10)]
    assert wrong == [401] * 10
    refused = await sign_in(account)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    account.headers["X-Forwarded-For"] = "192.0.2.2"
    assert (await sign_in(account)).status_code == 201
    outcomes = Counter(event.outcome for event in audited(audit_folder, "sign_in"))
    assert outcomes == {"denied": 11, "success": 1}


async def test_a_flood_of_sign_ins_is_turned_away_instead_of_piling_up(
    account: httpx.AsyncClient,
) -> None:
    """Of forty at once some are told to come again, and then whoever comes gets in."""
    await account.post("/accounts", json=ANN)

    async def guess(number: int) -> httpx.Response:
        credentials = {"email": f"nobody{number}@example.org", "password": "wrong"}
        return await account.post("/sessions", json=credentials)

    answers = await asyncio.gather(*(guess(number) for number in range(40)))
    assert {answer.status_code for answer in answers} == {401, 503}
    busy = [answer for answer in answers if answer.json()["title"] == "Too busy"]
    assert {answer.headers["Retry-After"] for answer in busy} == {"1"}
    assert (await sign_in(account)).status_code == 201


async def test_a_token_of_an_account_that_is_gone_is_no_use(account: httpx.AsyncClient) -> None:
    """401, not 404 or 500."""
    assert (await account.get("/accounts/me", headers=bearer("gone"))).status_code == 401


@pytest.mark.parametrize(
    "bad",
    [
        {"email": "no-address"},
        {"email": "a@b"},
        {"email": "a\x00@example.org"},
        {"name": " "},
        {"name": "a\x00b"},
        {"password": "k3y!"},
        {"password": "x" * 129},
    ],
)
async def test_a_bad_sign_up_is_refused_without_repeating_the_password(
    account: httpx.AsyncClient, bad: dict[str, str]
) -> None:
    """422 names the field; what was typed appears nowhere."""
    answer = await account.post("/accounts", json={**ANN, **bad})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", *bad]
    assert PASSWORD not in answer.text
    assert bad.get("password", PASSWORD) not in answer.text


async def test_an_admin_exists_only_if_the_settings_name_one(
    tmp_path: Path, database_url: str
) -> None:
    """Created at the first start, left alone at the next; the token says so."""
    settings: dict[str, Any] = {"admin_email": "boss@example.org", "admin_password": PASSWORD}
    for password in (PASSWORD, "changed in settings"):
        settings["admin_password"] = password
        app = make("account", tmp_path, database_url=database_url, **settings)
        async with serving(app) as account:
            credentials = {"email": "boss@example.org", "password": PASSWORD}
            answer = await account.post("/sessions", json=credentials)
    assert answer.status_code == 201
    assert TokenKey(KEY).verify(answer.json()["token"]).role == "admin"
