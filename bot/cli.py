"""`qianshao` / `python -m bot`: subcommands found by their place, faults told in one clear line."""

from __future__ import annotations

import argparse
import gc
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

COMMANDS = "bot.commands"


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    gc.disable()  # loading makes a hundred thousand objects and no garbage
    parser = _parser(_commands(arguments))
    args = parser.parse_args(arguments)
    from bot import logs
    from bot.faults import words_for

    gc.freeze()
    gc.enable()
    logs.configure("info", "console")  # a command that serves chooses anew
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        found = words_for(error)
        if found is None:
            raise
        print(found[0], file=sys.stderr)
        return found[1]


def _commands(arguments: Sequence[str]) -> list[ModuleType]:
    """The one command that is asked for, when its file bears its name; else all of them."""
    asked = arguments[0].replace("-", "_") if arguments else ""
    folder = Path(__file__).parent / "commands"
    if asked.isidentifier() and (folder / f"{asked}.py").exists():
        return [importlib.import_module(f"{COMMANDS}.{asked}")]
    from bot import places

    return [module for module in places.modules(COMMANDS).values() if hasattr(module, "NAME")]


def _parser(commands: Sequence[ModuleType]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="qianshao", description="前哨：企业微信和钉钉里的订单台")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in sorted(commands, key=lambda module: str(module.NAME)):
        sub = subparsers.add_parser(module.NAME, help=module.HELP, description=module.HELP)
        sub.add_argument("--config", type=Path, default=None, help="settings file (default: config.yaml)")
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    return parser
