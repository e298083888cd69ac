"""When nothing handles something, the log shows the handler one would write."""

from __future__ import annotations

from cards.action import BadAction, decode
from domain.chat import Entered, Inbound, MenuClick, Message, Tap, Unhandled

_HEAD = "# handlers/<capability>.py\n"


def suggestion(inbound: Inbound) -> str:
    """Code that would handle this, ready to paste; words a person typed are not repeated in a log."""
    match inbound:
        case Tap(action=action):
            return _tap(action)
        case MenuClick(menu_key=key):
            return _event(f"menu:{key}")
        case Entered():
            return _event("entered")
        case Unhandled(kind=kind):
            return f"the door has no words for '{kind}' yet: add it to the door's parse()"
        case Message():
            return (
                f'{_HEAD}@router.command("<word>", usage="<word> …", help="…")\n'
                'async def word(ctx: Context, rest: str) -> None:\n    ctx.say("…")'
            )
        case _:
            return f"no route for {type(inbound).__name__}"


def _tap(action: str) -> str:
    try:
        verb = decode(action).verb
    except BadAction:
        return "the tapped value is not an action of ours: forged, cut or from another system"
    return (
        f'{_HEAD}@router.tap("{verb}")\n'
        f'async def {verb.replace(".", "_")}(ctx: Context, tap: Tap, action: Action) -> None:\n    ctx.say("…")'
    )


def _event(kind: str) -> str:
    name = kind.replace(":", "_").replace(".", "_")
    return f'{_HEAD}@router.event("{kind}")\nasync def {name}(ctx: Context) -> None:\n    ctx.say("…")'
