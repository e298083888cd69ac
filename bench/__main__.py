"""`python -m bench [NAME …] [--quick]`: all measurements, or the named ones, into RESULTS.md."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import pkgutil
import sys
import time
import traceback
from types import ModuleType

import bench
from bench import report
from bench.machine import BENCH_PYTHON, environment, load
from bench.report import Measured

PREFIX = "measure_"
ORDER = ("ack", "callbacks", "crypt", "dispatch", "cards", "import", "lookup", "start")


def measures() -> dict[str, ModuleType]:
    """Every `measure_*` module by its NAME, in the order they read best."""
    found = [
        importlib.import_module(f"bench.{module.name}")
        for module in pkgutil.iter_modules(bench.__path__)
        if module.name.startswith(PREFIX)
    ]
    by_name = {str(module.NAME): module for module in found}
    known = [name for name in ORDER if name in by_name]
    return {name: by_name[name] for name in [*known, *sorted(by_name.keys() - set(known))]}


def main() -> int:
    known = measures()
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}; none is all")
    parser.add_argument("--quick", action="store_true", help="few rounds, for working on it")
    args = parser.parse_args()
    if unknown := set(args.names) - set(known):
        parser.error(f"no measurement named {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if not BENCH_PYTHON.exists():
        print("the peers are not installed: run make .venv-bench/.done", file=sys.stderr)
        return 2
    wanted = {name: module for name, module in known.items() if not args.names or name in args.names}
    facts = environment()
    measured = [_measure(module, quick=args.quick) for module in wanted.values()]
    facts["load"] += f" at the start, {load()} at the end"
    if not args.names:
        report.write(measured, facts, quick=args.quick)
        print(f"written to {report.RESULTS}")
    elif not args.quick:
        report.renew(measured, facts)
        print(f"put into {report.RESULTS}")
    if not args.quick:
        report.remember(measured, facts, quick=args.quick)
    return 1 if any(m.trouble for m in measured) else 0


def _measure(module: ModuleType, *, quick: bool) -> Measured:
    """A measurement that fails is told and does not end the run; its figures are missing in the table."""
    name = str(module.NAME)
    print(f"── {name}", flush=True)
    began = time.perf_counter()
    figures, trouble = [], ""
    try:
        figures = asyncio.run(module.run(quick))
    except Exception as error:  # noqa: BLE001 - whatever it was stands in the table; the others still run
        traceback.print_exc()
        trouble = f"{type(error).__name__}: {error}"
    for figure in figures:
        print(f"   {figure.line()}")
        if figure.note:
            print(f"      {figure.note}")
    seconds = time.perf_counter() - began
    print(f"   {seconds:.0f} s", flush=True)
    return Measured(name, str(module.METHOD), figures, seconds, trouble)


if __name__ == "__main__":
    sys.exit(main())
