"""Tokens, error shapes, throttling, scopes, quotas and faults of both API generations."""

from __future__ import annotations

from datetime import UTC, datetime

import aiohttp
import pytest

from sandbox.dingtalk.redaction import redact
from tests.sandbox.dingtalk_kit import dingtalk

SEND = "/v1.0/robot/oToMessages/batchSend"
USER = "/topapi/v2/user/get"
NOON = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)


async def test_a_token_is_returned_again_with_its_life_renewed() -> None:
    async with dingtalk() as kit:
        first = await kit.login()
        await kit.pass_time(7000)
        assert await kit.login() == first
        await kit.pass_time(7000)
        assert (await kit.api("POST", SEND, kit.robot_send("0101")))[0] == 200
        await kit.pass_time(7200)
        status, body = await kit.api("POST", SEND, kit.robot_send("0101"))
        assert (status, body["code"]) == (400, "InvalidAuthentication")
        assert await kit.login() != first


async def test_one_token_works_on_both_generations() -> None:
    async with dingtalk() as kit:
        app = kit.app
        old = await kit.old("GET", "/gettoken", appkey=app["client_id"], appsecret=app["client_secret"])
        assert old["errcode"] == 0
        assert old["access_token"] == await kit.login()
        found = await kit.old("POST", USER, {"userid": "0101"})
        assert (found["errcode"], found["result"]["name"]) == (0, "林小满")


async def test_wrong_credentials() -> None:
    async with dingtalk() as kit:
        body = {"appKey": kit.app["client_id"], "appSecret": "no"}
        status, new = await kit.api("POST", "/v1.0/oauth2/accessToken", body, token="")
        assert (status, new["code"]) == (400, "invalidClientIdOrSecret")
        assert (await kit.old("GET", "/gettoken", appkey="x", appsecret="y"))["errcode"] == 40096
        assert (await kit.old("GET", "/gettoken"))["errcode"] == 40035


async def test_token_in_the_wrong_place_is_missing() -> None:
    async with dingtalk() as kit:
        token = await kit.login()
        status, body = await kit.api("POST", f"{SEND}?access_token={token}", kit.robot_send("0101"), token="")
        assert (status, body["code"]) == (400, "AuthenticationFailed.MissingParameter")
        blank = await kit.old("POST", USER, {"userid": "0101"}, access_token="")
        assert (blank["errcode"], blank["sub_code"]) == (88, "40000")
        bad = await kit.old("POST", USER, {"userid": "0101"}, access_token="f" * 32)
        assert (bad["errcode"], bad["sub_code"]) == (88, "40014")


async def test_throttling_is_a_403_of_its_own_and_ends_with_the_second() -> None:
    async with dingtalk() as kit:
        kit.world.clock.set(NOON, frozen=True)
        for _ in range(20):
            assert (await kit.api("POST", SEND, kit.robot_send("0101")))[0] == 200
        status, body = await kit.api("POST", SEND, kit.robot_send("0101"))
        assert (status, body["code"]) == (403, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi")
        assert (await kit.old("POST", USER, {"userid": "0101"}))["errcode"] == 0, (
            "another path has its own count"
        )
        kit.world.clock.advance(1)
        assert (await kit.api("POST", SEND, kit.robot_send("0101")))[0] == 200
        assert len(kit.seen("0101")) == 21, "a refused call sends nothing"
        kit.plant("429")
        assert (await kit.api("POST", SEND, kit.robot_send("0101")))[0] == 403
        assert kit.sim.counters()["main"]["too_many"] == 1, "what was planted is nobody's excess"


async def test_a_missing_scope_names_itself() -> None:
    async with dingtalk(scopes=["qyapi_base"]) as kit:
        status, body = await kit.api("POST", SEND, kit.robot_send("0101"))
        assert (status, body["code"]) == (403, "Forbidden.AccessDenied.AccessTokenPermissionDenied")
        assert body["accessdenieddetail"] == {"requiredScopes": ["qyapi_robot_sendmsg"]}
        assert (await kit.old("POST", USER, {"userid": "0101"}))["sub_code"] == "60011"


async def test_monthly_calls_run_out_and_come_back_with_the_month() -> None:
    async with dingtalk() as kit:
        kit.world.clock.set(NOON, frozen=True)
        kit.switch(monthly_calls="2")
        for _ in range(2):
            assert (await kit.api("POST", SEND, kit.robot_send("0101")))[0] == 200
        status, body = await kit.api("POST", SEND, kit.robot_send("0101"))
        assert (status, body["code"]) == (403, "Forbidden.AccessDenied.ApiCountLimitForOrg")
        assert (await kit.old("POST", USER, {"userid": "0101"}))["errcode"] == 0, "contacts are free"
        kit.world.clock.set(datetime(2026, 1, 31, 16, 0, tzinfo=UTC), frozen=True)  # February in Beijing
        await kit.login()
        assert (await kit.api("POST", SEND, kit.robot_send("0101")))[0] == 200


@pytest.mark.parametrize(
    ("kind", "new", "old"),
    [
        ("429", (403, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"), (88, "90018")),
        ("permission", (403, "Forbidden.AccessDenied.AccessTokenPermissionDenied"), (88, "60011")),
        ("quota", (403, "Forbidden.AccessDenied.ApiCountLimitForOrg"), (88, "90020")),
        ("5xx", (500, "system.error"), (-1, "")),
        ("token_revoked", (400, "InvalidAuthentication"), (88, "40014")),
    ],
)
async def test_planted_faults(kind: str, new: tuple[int, str], old: tuple[int, str]) -> None:
    async with dingtalk() as kit:
        kit.plant(kind)
        status, body = await kit.api("POST", SEND, kit.robot_send("0101"))
        assert (status, body["code"]) == new
        await kit.login()
        kit.plant(kind)
        answer = await kit.old("POST", USER, {"userid": "0101"})
        assert (answer["errcode"], answer.get("sub_code", "")) == old
        await kit.login()
        assert (await kit.api("POST", SEND, kit.robot_send("0101")))[0] == 200
        assert len(kit.seen("0101")) == 1


async def test_a_lost_answer_has_done_its_work() -> None:
    async with dingtalk() as kit:
        await kit.login()
        kit.plant("lost_answer")
        with pytest.raises(aiohttp.ClientConnectionError):
            await kit.api("POST", SEND, kit.robot_send("0101"))
        assert [m["text"] for m in kit.seen("0101")] == ["日报"]


async def test_unknown_paths() -> None:
    async with dingtalk() as kit:
        status, body = await kit.api("GET", "/v1.0/nothing/here")
        assert (status, body["code"]) == (404, "InvalidAction.NotFound")
        assert (await kit.old("POST", "/topapi/v2/user/notexist"))["errcode"] == 22
        assert (await kit.old("GET", "/nothing"))["errcode"] == 404


async def test_path_case_counts_only_in_strict_mode() -> None:
    async with dingtalk() as kit:
        wrong = "/v1.0/robot/otomessages/batchsend"
        assert (await kit.api("POST", wrong, kit.robot_send("0101")))[0] == 404
        kit.switch(strict="0")
        assert (await kit.api("POST", wrong, kit.robot_send("0101")))[0] == 200


async def test_the_new_api_refuses_a_body_that_is_no_json() -> None:
    async with dingtalk() as kit:
        url = f"{kit.base}/v1.0/oauth2/accessToken"
        async with kit.http.post(url, data={"appKey": "x", "appSecret": "y"}) as response:
            assert (response.status, (await response.json())["code"]) == (400, "Missingbody")


async def test_exchanges_hide_secrets() -> None:
    async with dingtalk() as kit:
        token = await kit.login()
        await kit.old("POST", USER, {"userid": "0101"})
        await kit.api("POST", SEND, kit.robot_send("0101"))
        await kit.open()
        recorded = "".join(f"{e.target}{e.request}{e.response}" for e in kit.world.exchanges)
        for secret in (token, kit.app["client_secret"]):
            assert secret not in recorded
        (message,) = kit.seen("0101")
        linked = [e for e in kit.world.exchanges if e.id in message["exchange_ids"]]
        assert [e.target for e in linked] == ["/sandbox/dingtalk" + SEND]
        assert linked[0].message_id == message["id"]


def test_redaction_inside_nested_json_text() -> None:
    raw = '{"data":"{\\"sessionWebhook\\":\\"http://h/robot/sendBySession?session=abc123\\",\\"sign\\":\\"s3\\"}"}'
    assert "abc123" not in redact(raw)
    assert "s3" not in redact(raw)


async def test_contacts() -> None:
    async with dingtalk() as kit:
        mobile = await kit.old("POST", "/topapi/v2/user/getbymobile", {"mobile": "13900000104"})
        assert mobile["result"] == {"userid": "0104"}
        person = (await kit.old("POST", USER, {"userid": "0104"}))["result"]
        union = await kit.old("POST", "/topapi/user/getbyunionid", {"unionid": person["unionid"]})
        assert union["result"]["userid"] == "0104"
        assert (await kit.old("POST", USER, {"userid": "ghost"}))["errcode"] == 60121
        page = await kit.old("POST", "/topapi/v2/user/list", {"dept_id": 1, "cursor": 0, "size": 3})
        assert (page["result"]["has_more"], len(page["result"]["list"])) == (True, 3)
        assert (await kit.old("GET", "/auth/scopes"))["auth_org_scopes"]["authed_dept"] == [1]
