"""Words for what the tests look at on the console."""

from __future__ import annotations

from collections.abc import Callable

from playwright.async_api import Locator, Page, Response, expect

from tests.console.fake_control import FakeControl


async def opened(page: Page, control: FakeControl) -> Page:
    """The console, drawn and connected to the event stream."""
    await page.goto(control.base)
    await expect(page.get_by_text("已连接")).to_be_visible()
    return page


def message(page: Page, message_id: str, pane: str = "wecom") -> Locator:
    return page.get_by_test_id(pane).locator(f'[data-id="{message_id}"]')


def person(page: Page, name: str) -> Locator:
    return page.get_by_test_id("person").get_by_role("radio", name=name)


def written_to(path: str) -> Callable[[Response], bool]:
    """The answer to a POST; the page reads the same path by itself, whenever it likes."""
    return lambda answer: answer.url.endswith(f"/sandbox/{path}") and answer.request.method == "POST"
