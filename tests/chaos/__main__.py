"""`python -m tests.chaos`: the whole proof; `--callbacks`, `--refunds`, `--faults` for a part of it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import replace

from tests.chaos.plan import Plan, full
from tests.chaos.run import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=Plan.seed, help="repeats a run's callbacks, people and faults"
    )
    parser.add_argument(
        "--engine", choices=("redis", "rabbit"), default="redis", help="what carries the hints"
    )
    parser.add_argument("--callbacks", type=int, help="signed texts (default 100000)")
    parser.add_argument("--refunds", type=int, help="refunds (default 10000)")
    parser.add_argument("--late", type=int, help="late orders that tills push (default 2000)")
    parser.add_argument("--faults", type=int, help="faults (default 1000)")
    parser.add_argument("--desks", type=int, help="shops (default 100)")
    args = parser.parse_args()
    plan = full(args.seed, args.engine)
    wanted = {name: getattr(args, name) for name in ("callbacks", "refunds", "late", "faults", "desks")}
    plan = replace(plan, **{name: value for name, value in wanted.items() if value is not None})
    found = asyncio.run(run(plan))
    print(found, flush=True)
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
