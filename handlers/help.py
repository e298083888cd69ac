"""帮助: what the caller may do, and nothing else: a line for each topic, and on request how a topic is written."""

from __future__ import annotations

from collections.abc import Sequence

from cards.words import words
from domain.staff import ROLE_NAMES
from handlers.entry import allowed_commands
from handlers.nearest import nearest_commands
from handlers.router import Command, Context, Router

router = Router(place=99)
NAME = "帮助"
EVERYTHING = frozenset({"全部", "所有", "all"})


@router.command(
    NAME,
    usage="帮助 [命令]",
    help="看你能用的命令，或一组命令怎么写",
    aliases=("help", "?", "？", "bangzhu", "菜单", "用法"),
)
async def show_help(ctx: Context, text: str) -> None:
    topics = by_topic([command for command in allowed_commands(ctx) if command.name != NAME])
    if not text:
        return ctx.say(_overview(ctx, topics))
    if text.casefold() in EVERYTHING:
        return ctx.say(words("help_topic", commands=[command for topic in topics for command in topic]))
    for topic in topics:
        if any(text.casefold() in _names(command) for command in topic):
            return ctx.say(words("help_topic", commands=topic))
    near = nearest_commands([command for topic in topics for command in topic], text)
    meant = f"，是不是“{near[0].name}”？" if near else ""
    return ctx.say(f"没有你能用的命令“{text[:20]}”{meant}发“帮助”看你能用的")


def _overview(ctx: Context, topics: Sequence[Sequence[Command]]) -> str:
    roles = "、".join(ROLE_NAMES[role] for role in sorted(ctx.staff.roles))
    largest = max(topics, key=len, default=())
    return words(
        "help",
        name=ctx.staff.name,
        roles=roles,
        topics=[(topic[0], topic[1:]) for topic in topics],
        example=largest[0].name if largest else NAME,
    )


def by_topic(commands: Sequence[Command]) -> list[list[Command]]:
    """The commands of a topic together, the topics by their place."""
    topics: dict[str, list[Command]] = {}
    for command in sorted(commands, key=lambda command: command.place):  # stable: as they were registered
        topics.setdefault(command.topic, []).append(command)
    return list(topics.values())


def _names(command: Command) -> set[str]:
    return {word.casefold() for word in (command.topic, command.name, *command.aliases)}
