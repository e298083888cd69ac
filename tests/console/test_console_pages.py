"""What the server hands out: the page, its files, and under which policy."""

from __future__ import annotations

import re

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient

from sandbox.console import pages
from tests.console.fake_control import FakeControl, routes

MAX_LINES = 300
Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def client(aiohttp_client: AiohttpClient) -> Client:
    app = web.Application()
    app.add_routes(routes(FakeControl()))
    return await aiohttp_client(app)


async def test_the_page_may_run_only_its_own_scripts(client: Client) -> None:
    answer = await client.get("/")
    text = await answer.text()
    assert answer.content_type == "text/html"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<script(?![^>]* src=)|\son\w+=|\sstyle=|https?://", text) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [("console.js", "text/javascript"), ("console.css", "text/css"), ("icon.svg", "image/svg+xml")],
)
async def test_files_come_with_their_type(client: Client, name: str, kind: str) -> None:
    answer = await client.get(f"/static/{name}")
    assert (answer.status, answer.content_type) == (200, kind)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["pages.py", "..%2Fpages.py", "%2Fetc%2Fpasswd", "none.js"])
async def test_nothing_but_the_console_s_files_is_served(client: Client, name: str) -> None:
    assert (await client.get(f"/static/{name}")).status == 404


def test_no_script_ever_parses_markup_or_reaches_another_host() -> None:
    for name, path in pages.FILES.items():
        text = path.read_text()
        assert len(text.splitlines()) <= MAX_LINES, name
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
        ), name
        assert not re.search(r"[\"'(]https?://(?!www\.w3\.org)", text), name


def test_every_file_the_page_names_is_there() -> None:
    for name, path in pages.FILES.items():
        found = re.findall(r"(?:from \"\./|static/|url\(\")([\w.-]+)\"", path.read_text())
        assert set(found) <= set(pages.FILES), name
