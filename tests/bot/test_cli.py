"""The command line as a person meets it: clear lines instead of traces, clean starts and stops."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0  # seconds for a loaded machine; only a broken start needs them


def environment() -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("QIANSHAO")}
    return {**clean, "PYTHONPATH": str(ROOT)}


def qianshao(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bot", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=PATIENCE
    )


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A command that serves, and the address in its one line."""
    command = [sys.executable, "-m", "bot", *arguments]
    process = subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, f"no address in {line!r}: {process.stderr.read() if process.stderr else ''}"
        yield process, found.group(0).rstrip("/")
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def stop(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> int:
    process.send_signal(number)
    return process.wait(PATIENCE)


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 - loopback address of our own
        return json.load(answer)


def post(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(  # noqa: S310 - loopback address of our own
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - as above
        return json.load(answer)


def texts(sandbox: str, platform: str, user: str) -> list[str]:
    found = get(f"{sandbox}/messages?platform={platform}&user={user}")["messages"]
    return [message["text"] for message in found if message["from"] == "bot"]


def wait_for(sandbox: str, platform: str, user: str, words: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not any(words in text for text in texts(sandbox, platform, user)):
        assert time.monotonic() < deadline, texts(sandbox, platform, user)
        time.sleep(0.05)


# --- faults ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (None, "没有这个文件；用 --config 指出设置文件在哪"),
        ("server: {prot: 1}", "第 1 行 server.prot：没有这个设置，是不是 server.port？"),
        ("server: [", "YAML 写法有误"),
        ("{}", "还不能启动：c.yaml 里没有一个填好的聊天应用"),
    ],
)
def test_settings_that_cannot_be_used_are_told_in_words(
    tmp_path: Path, config: str | None, words: str
) -> None:
    if config is not None:
        (tmp_path / "c.yaml").write_text(config, encoding="utf-8")
    ended = qianshao(tmp_path, "serve", "--config", "c.yaml")
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_serve_with_nothing_filled_in_says_what_is_missing_and_where_to_get_it(tmp_path: Path) -> None:
    ended = qianshao(tmp_path, "serve", "--config", str(ROOT / "config.yaml"))
    assert ended.returncode == 2
    assert "chat.wecom.main.secret（环境变量 WECOM_SECRET 没有值）" in ended.stderr
    assert "到哪里取：钉钉开放平台" in ended.stderr


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = qianshao(tmp_path, "demo", "--port", str(port))
    assert ended.returncode == 2
    assert ended.stderr.strip() == f"端口 {port} 已被别的程序占用。换一个端口：--port"


def test_fresh_deletes_nothing_that_is_not_a_demo(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep")
    ended = qianshao(tmp_path, "demo", "--port", "0", "--data", "mine", "--fresh")
    assert ended.returncode == 2
    assert "没有删除任何东西" in ended.stderr
    assert (tmp_path / "mine" / "letter.txt").exists()


def test_db_upgrade_makes_the_tables_and_may_be_repeated(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("database: {url: 'sqlite+aiosqlite:///d/q.db'}", encoding="utf-8")
    for _ in range(2):
        ended = qianshao(tmp_path, "db", "upgrade", "--config", "c.yaml")
        assert (ended.returncode, ended.stdout) == (0, "数据库已是最新\n")
    assert (tmp_path / "d" / "q.db").exists()


def test_help_lists_every_command(tmp_path: Path) -> None:
    ended = qianshao(tmp_path, "--help")
    assert ended.returncode == 0
    for name in ("serve", "demo", "sandbox", "db", "import", "doctor"):
        assert f"\n    {name} " in ended.stdout


# --- the demo --------------------------------------------------------------------------------------------


def test_the_demo_answers_on_both_platforms_stops_cleanly_and_keeps_its_data(tmp_path: Path) -> None:
    with running(tmp_path, "demo", "--port", "0") as (process, sandbox):
        for platform, user in (("wecom", "linxiaoman"), ("dingtalk", "0101")):
            post(f"{sandbox}/say", {"platform": platform, "user": user, "text": "帮助"})
            wait_for(sandbox, platform, user, "查单")
        assert stop(process) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    with running(tmp_path, "demo", "--port", "0") as (process, sandbox):
        assert texts(sandbox, "wecom", "linxiaoman")
        post(f"{sandbox}/say", {"platform": "wecom", "user": "wuwei", "text": "帮助"})
        wait_for(sandbox, "wecom", "wuwei", "帮助")
        assert stop(process, signal.SIGTERM) == 0
    with running(tmp_path, "demo", "--port", "0", "--fresh") as (process, sandbox):
        # What the seeded orders give cause for may have come already; nothing of before is there.
        assert not any("查单" in text for text in texts(sandbox, "wecom", "linxiaoman"))
        assert stop(process) == 0


def test_a_server_beside_a_sandbox_and_no_second_one_on_its_database(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ("--port", "0", "--data", "world", "--write-config", str(config), "--bot-port", str(port))
    with (
        running(tmp_path, "sandbox", *arguments) as (_, sandbox),
        running(tmp_path, "serve", "--config", str(config)) as (server, base),
    ):
        assert base == f"http://127.0.0.1:{port}"
        post(f"{sandbox}/apps/wecom/main", {"callback_url": f"{base}/callback/wecom/main"})
        post(f"{sandbox}/say", {"platform": "wecom", "user": "linxiaoman", "text": "帮助"})
        wait_for(sandbox, "wecom", "linxiaoman", "查单")
        second = qianshao(tmp_path, "serve", "--config", str(config), "--port", "0")
        assert second.returncode == 2
        assert "已有一个前哨在用这个数据库" in second.stderr
        assert stop(server, signal.SIGTERM) == 0
