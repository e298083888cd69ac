"""The shape of the house, checked by `make lint`: file sizes, lock files, left-overs, machine names."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from statistics import quantiles

ROOT = Path(__file__).parent.parent
CODE = ("bot", "handlers", "jobs", "cards", "integrations", "storage", "domain", "sandbox")
LONGEST_FILE = 500
LEFT_OVERS = re.compile(r"\b(TODO|FIXME|XXX)\b|raise NotImplementedError")
BARE_IGNORE = re.compile(r"# *type: *ignore *$|# *noqa *$")


def tracked(*endings: str) -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    return [ROOT / name for name in names if name.endswith(endings) and (ROOT / name).is_file()]


def faults() -> list[str]:
    found: list[str] = []
    for path in tracked(".py"):
        name = path.relative_to(ROOT)
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > LONGEST_FILE:
            found.append(f"{name}: {len(lines)} lines, more than {LONGEST_FILE}")
        if name.name == "house.py":
            continue
        found.extend(
            f"{name}:{number}: left over or bare ignore: {line.strip()}"
            for number, line in enumerate(lines, 1)
            if LEFT_OVERS.search(line) or BARE_IGNORE.search(line)
        )
    for path in tracked("requirements/base.txt", "requirements/dev.txt", "requirements/bench.txt"):
        if re.search(r"https?://|--index-url|--find-links", path.read_text(encoding="utf-8")):
            found.append(f"{path.relative_to(ROOT)}: names a registry host")
    return found


def figures() -> str:
    """Median and p90 of file and function lengths, for the marks of the style guide."""
    files: list[int] = []
    functions: list[int] = []
    for path in tracked(".py"):
        if path.relative_to(ROOT).parts[0] not in CODE:
            continue
        text = path.read_text(encoding="utf-8")
        if not text.strip():
            continue
        files.append(text.count("\n"))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                functions.append((node.end_lineno or node.lineno) - node.lineno + 1)
    deciles, function_deciles = quantiles(files, n=10), quantiles(functions, n=10)
    return (
        f"files: {len(files)}, median {deciles[4]:.0f}, p90 {deciles[8]:.0f} lines; "
        f"functions: {len(functions)}, median {function_deciles[4]:.0f}, p90 {function_deciles[8]:.0f} lines"
    )


def main() -> int:
    found = faults()
    sys.stdout.write("\n".join([*found, figures()]) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
