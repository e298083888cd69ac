"""The checklist of docs/connectors.md, enforced: `python -m tests.connector_rules` names file and rule.

Every package of `integrations/commerce` is looked at, found by its place. Some rules read the code, some call it.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from domain.order import OrderState
from domain.ports import ShopCapabilities

ROOT = Path(__file__).parent.parent
PLACE = "integrations.commerce"
OFFERED = ("PLATFORM", "SETTINGS", "CAPABILITIES", "build")
MODULES = ("client.py", "connector.py", "errors.py", "mapping.py", "settings.py", "signature.py", "states.py")
TESTS = (("signature", "push"), ("mapping",), ("client",), ("connector",))
HEADINGS = ("Connect a shop", "What people notice", "When something is wrong", "The sandbox shop")
MANIFEST = ("name", "platform", "owner", "settings", "facts", "capabilities", "methods", "quality")
CAPABILITIES = ("orders", "refund", "push", "receiver")
# What no connector may leave for later.
QUALITY = (
    *("signature-vectors", "fixtures", "errors-classified", "retries", "rate-limit", "circuit-breaker"),
    *("paging-loses-nothing", "writes-ask-first", "secrets-hidden", "simulator"),
)
LONGEST = 400  # lines of a module
MONEY_MODULES = ("mapping.py", "formats.py")
HTTP_CALLS = frozenset({"get", "post", "put", "patch", "delete", "head", "request", "ws_connect"})
CLOCKS = frozenset({"now", "utcnow", "today"})
SECRET = re.compile(r"secret|token|session|password|private")
BOUNDED = re.compile(r"window|page|timeout|tolerance|per_call")
NOBODY = "NO_SUCH_STATE"


@dataclass(frozen=True)
class Fault:
    """One broken rule; `file` is relative to the root of the checkout."""

    file: str
    rule: str

    def __str__(self) -> str:
        return f"{self.file}: {self.rule}"


@dataclass(frozen=True)
class Connector:
    """One package, and where everything that belongs to it stands."""

    name: str
    root: Path
    module: ModuleType

    @property
    def folder(self) -> Path:
        return self.root / "integrations" / "commerce" / self.name

    def sources(self) -> Iterator[tuple[str, ast.Module]]:
        for path in sorted(self.folder.rglob("*.py")):
            yield self.shown(path), ast.parse(path.read_text(encoding="utf-8"))

    def shown(self, path: Path) -> str:
        return str(path.relative_to(self.root))


Rule = Callable[[Connector], Iterator[Fault]]


def whole(one: Connector) -> Iterator[Fault]:
    """A package offers four names; its folder, page, tests and simulator are there."""
    for name in OFFERED:
        if not hasattr(one.module, name):
            yield Fault(one.shown(one.folder / "__init__.py"), f"offers no {name}")
    if getattr(one.module, "PLATFORM", one.name) != one.name:
        yield Fault(one.shown(one.folder / "__init__.py"), "PLATFORM is not the folder's name")
    for name in (*MODULES, "manifest.yaml"):
        if not (one.folder / name).is_file():
            yield Fault(one.shown(one.folder), f"has no {name}")
    if not any((one.folder / "fixtures").glob("*")):
        yield Fault(one.shown(one.folder), "has no fixtures")
    for names in TESTS:
        files = [one.root / "tests" / "integrations" / f"test_{one.name}_{name}.py" for name in names]
        if not any(path.is_file() for path in files):
            yield Fault(one.shown(files[0]), f"there is no test of the {names[0]}")
    if not (one.root / "sandbox" / "shops" / one.name / "__init__.py").is_file():
        yield Fault(f"sandbox/shops/{one.name}", "there is no simulated platform")
    for path in one.folder.rglob("*.py"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LONGEST:
            yield Fault(one.shown(path), f"{lines} lines, more than {LONGEST}")


def page(one: Connector) -> Iterator[Fault]:
    """A page for who connects a shop, under the same headings for each platform."""
    path = one.root / "docs" / f"{one.name}.md"
    if not path.is_file():
        yield Fault(one.shown(path), "there is no page")
        return
    found = re.findall(r"^## +(.+?) *$", path.read_text(encoding="utf-8"), re.MULTILINE)
    for heading in HEADINGS:
        if heading not in found:
            yield Fault(one.shown(path), f"has no heading “{heading}”")


def manifest(one: Connector) -> Iterator[Fault]:
    """The manifest says what the code does, and what is left open is said with a reason."""
    path = one.folder / "manifest.yaml"
    told = _told(path)
    if told is None:
        yield Fault(one.shown(path), "is no YAML mapping")
        return
    for key in MANIFEST:
        if not told.get(key):
            yield Fault(one.shown(path), f"says nothing of {key}")
    yield from _capabilities(one, path, told.get("capabilities") or {})
    quality = told.get("quality") or {}
    for name in QUALITY:
        entry = quality.get(name) or {}
        if entry.get("status") not in ("done", "exempt"):
            yield Fault(one.shown(path), f"quality {name} is not done (or exempt)")
    for name, entry in quality.items():
        if not isinstance(entry, dict) or not entry.get("comment"):
            yield Fault(one.shown(path), f"quality {name} has no comment")


def _told(path: Path) -> dict[str, Any] | None:
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):
        return None
    return told if isinstance(told, dict) else None


def _capabilities(one: Connector, path: Path, told: Mapping[str, Any]) -> Iterator[Fault]:
    for name in CAPABILITIES:
        if not told.get(name):
            yield Fault(one.shown(path), f"capabilities say nothing of {name}")
    real = getattr(one.module, "CAPABILITIES", None)
    if not isinstance(real, ShopCapabilities):
        return
    if not str(told.get("refund", "")).startswith(real.refund):
        yield Fault(one.shown(path), f"capabilities.refund does not begin with {real.refund}")
    word = {"none": "none", "hint": "hint", "signed_webhook": "signed"}[real.push_kind]
    if not str(told.get("push", "")).startswith(word):
        yield Fault(one.shown(path), f"capabilities.push does not begin with {word}")


def money(one: Connector) -> Iterator[Fault]:
    """Amounts are whole numbers or Decimal: no float anywhere near them."""
    for file, tree in one.sources():
        if Path(file).name not in MONEY_MODULES:
            continue
        for node in ast.walk(tree):
            named = isinstance(node, ast.Name) and node.id == "float"
            constant = isinstance(node, ast.Constant) and isinstance(node.value, float)
            divided = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
            if named or constant or divided:
                yield Fault(_at(file, node), "a float where money is read")


def clock(one: Connector) -> Iterator[Fault]:
    """The clock is injected (DESIGN.md §3.8)."""
    for file, tree in one.sources():
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="datetime" | "date"), attr=attr)) if (
                    attr in CLOCKS
                ):
                    yield Fault(_at(file, node), f"asks {attr}() instead of the clock it was given")


def calls(one: Connector) -> Iterator[Fault]:
    """Every HTTP call ends in time, and takes no secret to another host."""
    for file, tree in one.sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not _is_http(node):
                continue
            given = {keyword.arg for keyword in node.keywords}
            if "timeout" not in given:
                yield Fault(_at(file, node), "an HTTP call without a timeout")
            if "allow_redirects" not in given:
                yield Fault(_at(file, node), "an HTTP call that may be redirected")


def _is_http(node: ast.Call) -> bool:
    """`session.get(…)`, `self._session.post(…)`, `self._http.request(…)`."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in HTTP_CALLS:
        return False
    owner = node.func.value
    name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
    return name.strip("_").endswith(("session", "http"))


def alone(one: Connector) -> Iterator[Fault]:
    """A connector leans on no other connector, and blocks no loop with another HTTP library."""
    for file, tree in one.sources():
        for node in ast.walk(tree):
            for name in _imports(node):
                parts = name.split(".")
                if name.startswith(f"{PLACE}.") and parts[2] != one.name and _is_connector(one, parts[2]):
                    yield Fault(_at(file, node), f"leans on the connector {parts[2]}")
                if parts[0] in ("requests", "httpx", "urllib3") or name.startswith("urllib.request"):
                    yield Fault(_at(file, node), f"uses {name} instead of the session it was given")


def _imports(node: ast.AST) -> tuple[str, ...]:
    match node:
        case ast.Import(names=names):
            return tuple(alias.name for alias in names)
        case ast.ImportFrom(module=str(module)):
            return (module,)
    return ()


def _is_connector(one: Connector, name: str) -> bool:
    return (one.folder.parent / name / "__init__.py").is_file()


def settings(one: Connector) -> Iterator[Fault]:
    """Secrets do not show, numbers that break a limit are refused."""
    kind = getattr(one.module, "SETTINGS", None)
    file = one.shown(one.folder / "settings.py")
    if kind is None or not dataclasses.is_dataclass(kind):
        yield Fault(file, "SETTINGS is no dataclass")
        return
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if SECRET.search(field.name) and hints[field.name] is str and field.repr:
            yield Fault(file, f"{field.name} is shown by repr")
        if hints[field.name] not in (int, float):
            continue
        if not _refuses(kind, field.name, -1):
            yield Fault(file, f"{field.name}: -1 is not refused")
        if BOUNDED.search(field.name) and not _refuses(kind, field.name, 10**9):
            yield Fault(file, f"{field.name}: 1000000000 is not refused")


def _refuses(kind: Any, name: str, value: int) -> bool:
    values: dict[str, Any] = {
        field.name: "https://shop.example.com" if field.name.endswith("_base") else "x" * 32
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    try:
        kind(**values)
    except ValueError:
        return True  # it cannot be made from plain values: its own tests have to look
    try:
        kind(**(values | {name: value}))
    except ValueError:
        return True
    return False


def states(one: Connector) -> Iterator[Fault]:
    """A state text nobody has mapped yet is UNKNOWN: never a guess, never a crash (platforms.md §11.23)."""
    file = one.shown(one.folder / "states.py")
    try:
        order_state = importlib.import_module(f"{one.module.__name__}.states").order_state
    except (ImportError, AttributeError):
        yield Fault(file, "has no order_state")
        return
    try:
        found = order_state(**_unheard_of(order_state))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the fault that is looked for
        yield Fault(file, f"order_state breaks on an unknown text: {error!r:.80}")
        return
    if found is not OrderState.UNKNOWN:
        yield Fault(file, f"order_state takes an unknown text for {found}")


def _unheard_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Arguments of which none says anything: a text nobody knows, a document without a state, no, none."""
    hints = typing.get_type_hints(function)
    empty = {str: NOBODY, bool: False, int: 0}
    return {
        name: empty.get(hints.get(name, str), {})
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is inspect.Parameter.empty
    }


def _at(file: str, node: ast.AST) -> str:
    return f"{file}:{getattr(node, 'lineno', 0)}"


RULES: tuple[Rule, ...] = (whole, page, manifest, money, clock, calls, alone, settings, states)


def connectors(root: Path = ROOT, place: str = PLACE) -> list[Connector]:
    """Every package of the place."""
    folder = root / "integrations" / "commerce"
    names = sorted(path.parent.name for path in folder.glob("*/__init__.py"))
    return [Connector(name, root, importlib.import_module(f"{place}.{name}")) for name in names]


def faults(one: Connector) -> list[Fault]:
    return [fault for rule in RULES for fault in rule(one)]


def main() -> int:
    checked = connectors()
    found = [fault for one in checked for fault in faults(one)]
    names = "、".join(one.name for one in checked)
    sys.stdout.write(
        "\n".join([*map(str, found), f"{len(checked)} connectors ({names}), {len(found)} faults"])
    )
    sys.stdout.write("\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
