"""`make test`: see that the system has what the tests need, then run them all.

Chromium and RabbitMQ come from the system. On Debian as root they are installed; elsewhere the tests that need one
are named and left out, unless CI=true, which allows nothing to be left out. PostgreSQL and Valkey come from the
lock file.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.browser import chromium
from tests.far_servers import rabbit_program

_POLICY = Path("/usr/sbin/policy-rc.d")


@dataclass(frozen=True)
class Need:
    """Something of the system, the pytest mark of the tests that need it, and how a person gets it."""

    mark: str
    what: str
    packages: tuple[str, ...]
    present: Callable[[], bool]
    by_hand: str


NEEDS = (
    Need(
        "browser",
        "Chromium",
        ("chromium", "fonts-noto-cjk"),
        lambda: chromium() is not None,
        "apt-get install chromium, or set QIANSHAO_TEST_CHROMIUM to a Chromium binary",
    ),
    Need(
        "rabbit",
        "RabbitMQ",
        ("rabbitmq-server",),
        lambda: rabbit_program() is not None,
        "apt-get install rabbitmq-server",
    ),
)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def install(packages: list[str]) -> None:
    """From Debian's packages, when this is Debian and we are root."""
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists() or not shutil.which("apt-get"):
        return
    say(f"installing from Debian's packages: {' '.join(packages)}")
    wanted = ["install", "-y", "-q", "--no-install-recommends", *packages]
    with no_service_starts():
        if not _apt(wanted):
            _apt(["update", "-q"])
            _apt(wanted)


@contextmanager
def no_service_starts() -> Iterator[None]:
    """Packages with a service would start it, open to the network; the tests start private ones themselves."""
    if _POLICY.exists():  # the machine has its own rule
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


def _apt(arguments: list[str]) -> bool:
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(["apt-get", *arguments], env=environ, stdout=subprocess.DEVNULL).returncode == 0


def main(arguments: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-n", "auto", "--dist", "loadfile", *arguments]
    absent = [need for need in NEEDS if not need.present()]
    if absent:
        install([package for need in absent for package in need.packages])
        absent = [need for need in absent if not need.present()]
    for need in absent:
        say(f"left out: every test marked `{need.mark}`: they need {need.what}. To run them: {need.by_hand}")
    if absent:
        if os.environ.get("CI") == "true":
            say("CI=true: nothing may be left out")
            return 1
        command += ["-m", " and ".join(f"not {need.mark}" for need in absent)]
    return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
