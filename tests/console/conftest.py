"""A real Chromium on the console, over the in-memory control API."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.browser import running_browser
from tests.console.fake_control import FakeControl, serve


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with running_browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def control() -> AsyncIterator[FakeControl]:
    async with serve(FakeControl()) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, control: FakeControl) -> AsyncIterator[Page]:
    """A page that is not opened yet (the test first fills the fake); no script error may be left behind.

    It may reach nothing but the fake: any other address fails the test.
    """
    context = await browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    page = await context.new_page()
    page.set_default_timeout(10_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request", lambda request: problems.append(request.url) if _outside(request.url, control) else None
    )
    yield page
    await context.close()
    assert problems == []


def _outside(url: str, control: FakeControl) -> bool:
    return not url.startswith((control.base, "data:image/"))
