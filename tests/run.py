"""`make test`: see that the system has what the tests need, then run them all.

Chromium comes from the system. On Debian as root it is installed; elsewhere the tests that need it are named
and left out, unless CI=true, which allows nothing to be left out. PostgreSQL comes from the lock file.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.browser import chromium

BROWSER_PACKAGES = ("chromium", "fonts-noto-cjk")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def install_browser() -> bool:
    """Install Chromium and a Chinese font from Debian's packages when this is Debian and we are root."""
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists() or not shutil.which("apt-get"):
        return False
    say(f"installing from Debian's packages: {' '.join(BROWSER_PACKAGES)}")
    quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "stdout": subprocess.DEVNULL}
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *BROWSER_PACKAGES]
    if subprocess.run(install, **quiet).returncode == 0:  # type: ignore[call-overload]  # keywords are uniform
        return True
    subprocess.run(["apt-get", "update", "-q"], **quiet)  # type: ignore[call-overload]  # as above
    done = subprocess.run(install, **quiet)  # type: ignore[call-overload]  # as above
    return bool(done.returncode == 0)


def main(arguments: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-n", "auto", "--dist", "loadfile", *arguments]
    if chromium() is None and not install_browser():
        say("left out: every test marked `browser` (tests/console, tests/story): they need Chromium.")
        say("to run them: apt-get install chromium, or set QIANSHAO_TEST_CHROMIUM to a Chromium binary")
        if os.environ.get("CI") == "true":
            say("CI=true: nothing may be left out")
            return 1
        command += ["-m", "not browser"]
    return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
