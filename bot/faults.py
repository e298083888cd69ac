"""Faults a person can put right, in their words; anything else is a bug and shows its trace."""

from __future__ import annotations

from bot.database import DatabaseBehind
from bot.listen import CannotListen
from bot.settings_errors import SettingsError
from bot.single import AlreadyRunning
from storage.errors import StorageUnavailable, WrongDataKey

USAGE_ERROR = 2  # as argparse: the user can put it right


class CannotRun(Exception):
    """A command cannot go on; the message is all a person needs."""


def words_for(error: Exception) -> tuple[str, int] | None:
    """What to say and the exit code; None for what nobody foresaw."""
    match error:
        case SettingsError() | CannotListen() | DatabaseBehind() | AlreadyRunning() | CannotRun():
            return str(error), USAGE_ERROR
        case WrongDataKey():
            return f"数据密钥不对，这个数据库是用另一把密钥写的（security.data_key）：{error}", USAGE_ERROR
        case StorageUnavailable():
            return f"数据库现在用不了（database.url）：{error}", 1
    return None
