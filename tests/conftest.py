"""Fixtures that every folder may use, and the marks of the tests that need something of the system."""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.servers"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever opens a page needs Chromium; whatever takes a RabbitMQ server needs RabbitMQ."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "page" in fixtures:
            item.add_marker(pytest.mark.browser)
        if "rabbit_url" in fixtures or "rabbit_server" in fixtures:
            item.add_marker(pytest.mark.rabbit)
