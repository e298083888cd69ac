"""`make model`: the larger bounds, for some minutes and a gigabyte. `--standard`: those of `make test`."""

from __future__ import annotations

import sys
from time import process_time

from tests.model.explore import explore, told
from tests.model.guards import NOTICED, without
from tests.model.scenes import LARGE, STANDARD
from tests.model.state import Guard


def main(arguments: list[str]) -> int:
    if arguments == ["--guards"]:
        for guard in Guard:
            print(f"\n== {guard} ({NOTICED[guard][0].name})\n{told(without(guard))}")
        return 0
    scenes = STANDARD if arguments == ["--standard"] else LARGE
    states = transitions = 0
    for scene in scenes:
        began = process_time()
        found = explore(scene)
        print(f"{found.line()}  {process_time() - began:6.1f} s", flush=True)
        if found.wrong:
            print(told(found))
            return 1
        states += len(found.states)
        transitions += found.transitions
    print(
        f"{len(scenes)} scenes, {states} states, {transitions} transitions: no law is broken, nothing hangs"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
