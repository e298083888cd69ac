"""Fixtures that every folder may use."""

from __future__ import annotations

pytest_plugins = ["tests.servers"]
