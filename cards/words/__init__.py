"""The words of longer chat texts: one Jinja2 template a text, beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(Path(__file__).parent)
    # Plain chat text, not HTML: escaping would show people "&lt;".
    return Environment(loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701


def words(text: str, /, **facts: object) -> str:
    """The text of `<text>.j2` with these facts; a fact the template lacks is an error, not a blank."""
    return _environment().get_template(f"{text}.j2").render(**facts).strip()
