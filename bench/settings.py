"""Settings files for the servers under test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bench.callbacks import App

# What orders would set off by themselves is not the matter of a measurement that says so.
NO_RULES: Mapping[str, Any] = {
    "exceptions": {"off": ["address", "watch_word", "stock", "stuck", "payment", "quarantine", "effect"]},
    "sla": {"rules": [], "gauges": {"backlog_growth": 0}},
}


def write(folder: Path, data: Mapping[str, Any], name: str = "config.yaml") -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(dict(data), allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def wecom_only(folder: Path, app: App, far_port: int, users: Sequence[str]) -> Path:
    """One WeCom app on SQLite; the far side is on this machine, everybody is in customer service."""
    return write(
        folder,
        {
            "server": {"host": "127.0.0.1", "port": 0, "public_url": "https://bot.example.com"},
            "database": {"url": f"sqlite+aiosqlite:///{folder / 'qianshao.db'}"},
            "logging": {"level": "warning"},
            **wecom_sections(app, far_port, users),
        },
    )


def wecom_sections(app: App, far_port: int, users: Sequence[str]) -> dict[str, Any]:
    """`chat` and `staff` of the settings."""
    return {
        "chat": {
            "wecom": {
                app.name: {
                    "api_base": f"http://127.0.0.1:{far_port}",
                    "corp_id": app.corp_id,
                    "agent_id": app.agent_id,
                    "secret": app.secret,
                    "token": app.token,
                    "encoding_aes_key": app.encoding_aes_key,
                }
            }
        },
        "staff": [
            {"name": f"客服{user}", "roles": ["service"], "accounts": {"wecom": user}} for user in users
        ],
    }


def staff_ids(count: int) -> list[str]:
    """So many colleagues that nobody comes near a limit per member."""
    return [f"bench{n:04d}" for n in range(count)]


def read(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return data
