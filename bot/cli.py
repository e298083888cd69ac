"""`qianshao` / `python -m bot`: subcommands found by their place, faults told in one clear line."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from bot import logs, places
from bot.database import DatabaseBehind
from bot.listen import CannotListen
from bot.settings_errors import SettingsError
from bot.single import AlreadyRunning
from storage.errors import StorageUnavailable, WrongDataKey

COMMANDS = "bot.commands"
USAGE_ERROR = 2  # as argparse: the user can put it right


class CannotRun(Exception):
    """A command cannot go on; the message is all a person needs."""

    def __init__(self, message: str, code: int = USAGE_ERROR) -> None:
        super().__init__(message)
        self.code = code


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(_commands(arguments))
    args = parser.parse_args(arguments)
    logs.configure("info", "console")  # a command that serves chooses anew
    try:
        return int(args.run(args))
    except (SettingsError, CannotListen, DatabaseBehind, AlreadyRunning) as error:
        return _fail(str(error), USAGE_ERROR)
    except CannotRun as error:
        return _fail(str(error), error.code)
    except WrongDataKey as error:
        return _fail(f"数据密钥不对，这个数据库是用另一把密钥写的（security.data_key）：{error}", USAGE_ERROR)
    except StorageUnavailable as error:
        return _fail(f"数据库现在用不了（database.url）：{error}", 1)
    except KeyboardInterrupt:
        return 130


def _fail(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code


def _commands(arguments: Sequence[str]) -> list[ModuleType]:
    """The one command that is asked for, when its file bears its name; else all of them."""
    asked = arguments[0].replace("-", "_") if arguments else ""
    folder = Path(__file__).parent / "commands"
    if asked.isidentifier() and (folder / f"{asked}.py").exists():
        return [importlib.import_module(f"{COMMANDS}.{asked}")]
    found = places.modules(COMMANDS).values()
    return [module for module in found if hasattr(module, "NAME")]


def _parser(commands: Sequence[ModuleType]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="qianshao", description="前哨：企业微信和钉钉里的订单台")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in sorted(commands, key=lambda module: str(module.NAME)):
        sub = subparsers.add_parser(module.NAME, help=module.HELP, description=module.HELP)
        sub.add_argument("--config", type=Path, default=None, help="settings file (default: config.yaml)")
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    return parser
