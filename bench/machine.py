"""Which machine, which versions: figures of different machines must not be compared."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent
BENCH_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
_OURS = ("aiohttp", "SQLAlchemy", "cryptography", "orjson", "wechatpy")
_PEERS = ("aiogram", "slack_bolt", "aiohttp")


def environment() -> dict[str, str]:
    """One line of facts about this run."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": revision(),
        "cpu": _cpu(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {_kernel()}",
        "python": platform.python_version(),
        "ours": ", ".join(f"{name} {version(name)}" for name in _OURS),
        "peers": _peer_versions(),
        "load": load(),
    }


def _kernel() -> str:
    """`6.18`; the rest names builds, not behaviour."""
    return ".".join(platform.release().split(".")[:2])


def load() -> str:
    """Load averages over 1, 5 and 15 minutes: how busy the machine is with other work."""
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def revision() -> str:
    """The commit, marked when the tree differs from it."""
    short = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return f"{short or 'unknown'}{' + uncommitted changes' if changed else ''}"


def _git(*arguments: str) -> str:
    answer = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.M)
    return found.group(1) if found else platform.machine()


def _peer_versions() -> str:
    code = "import sys; from importlib.metadata import version\nfor n in sys.argv[1:]: print(n, version(n))"
    command = [str(BENCH_PYTHON), "-c", code, *_PEERS]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return ", ".join(answer.stdout.split("\n")[:-1])
