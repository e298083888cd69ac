"""Reading the settings file: YAML that remembers its lines, environment overrides, secrets from elsewhere."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml

from bot.settings_errors import Path, Problem, SettingsError, dotted

ENV_PREFIX = "QIANSHAO__"
MAX_DEPTH = 12  # our own files need five; more is a mistake or an attack by anchors
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass
class Document:
    """The settings as plain data, and where each value came from.

    `unset` names the environment variable or file that a still empty secret waits for.
    """

    source: str
    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[Path, str] = field(default_factory=dict)
    unset: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def where(self, path: Path) -> str:
        """The line (or variable) of this key, or of the nearest section around it."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.origins:
                return self.origins[path[:end]]
        return ""

    def fault(self, path: Path, text: str) -> None:
        self.problems.append(Problem(self.where(path), dotted(path), text))


def read_document(file: FilePath, environ: Mapping[str, str] | None = None) -> Document:
    """The file with its overrides; raises SettingsError when it cannot be read as YAML at all."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(
            str(file), [Problem("", "", "没有这个文件；用 --config 指出设置文件在哪")]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(str(file), [Problem("", "", f"读不了这个文件：{error}")]) from error
    return parse_document(text, source=file.name, folder=file.parent, environ=environ)


def parse_document(
    text: str,
    *,
    source: str = "config.yaml",
    folder: FilePath | None = None,
    environ: Mapping[str, str] | None = None,
) -> Document:
    document = Document(source)
    environment = os.environ if environ is None else environ
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is not None:
            document.data = _top(loader, node, document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"第 {mark.line + 1} 行" if mark else ""
        raise SettingsError(source, [Problem(line, "", f"YAML 写法有误：{error.problem}")]) from error
    except yaml.YAMLError as error:
        raise SettingsError(source, [Problem("", "", f"不是 YAML 文本：{error}")]) from error
    finally:
        loader.dispose()
    _override(document, environment)
    document.data = _resolve(document, document.data, (), folder or FilePath(), environment)
    return document


def _top(loader: yaml.SafeLoader, node: yaml.Node, document: Document) -> dict[str, Any]:
    value = _plain(loader, node, (), document)
    if isinstance(value, dict):
        return value
    raise SettingsError(document.source, [Problem("第 1 行", "", "整个文件应是一组设置（键: 值）")])


def _plain(loader: yaml.SafeLoader, node: yaml.Node, path: Path, document: Document) -> Any:
    """A YAML node as plain data; empty values are left out, as if they had not been written."""
    if len(path) > MAX_DEPTH:
        raise SettingsError(document.source, [Problem(document.where(path), dotted(path), "嵌套太深")])
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, path, document)
    if isinstance(node, yaml.SequenceNode):
        items = []
        for index, item in enumerate(node.value):
            document.origins[(*path, index)] = f"第 {item.start_mark.line + 1} 行"
            items.append(_plain(loader, item, (*path, index), document))
        return items
    return loader.construct_object(node, deep=True)


def _mapping(
    loader: yaml.SafeLoader, node: yaml.MappingNode, path: Path, document: Document
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        here = (*path, key)
        line = f"第 {key_node.start_mark.line + 1} 行"
        if here in document.origins:
            document.problems.append(Problem(line, dotted(here), f"写了两次，{document.origins[here]}已有"))
        document.origins[here] = line
        value = _plain(loader, value_node, here, document)
        if value is not None:
            values[key] = value
    return values


# --- overrides -------------------------------------------------------------------------------------------


def _override(document: Document, environ: Mapping[str, str]) -> None:
    """`QIANSHAO__SERVER__PORT=9000`; `-` in a key is written `_`; `[…]` and `{…}` are read as YAML."""
    for name in sorted(environ):
        if not name.startswith(ENV_PREFIX):
            continue
        parts = [part for part in name[len(ENV_PREFIX) :].split("__") if part]
        if parts:
            _set(document, document.data, parts, environ[name], f"环境变量 {name}")


def _set(document: Document, top: dict[str, Any], parts: list[str], text: str, origin: str) -> None:
    node: Any = top
    path: Path = ()
    for depth, part in enumerate(parts):
        key = _existing(node, part)
        path = (*path, key)
        last = depth == len(parts) - 1
        if last:
            document.origins[path] = origin
        if isinstance(node, list) and isinstance(key, int) and key < len(node):
            node[key] = _value(text) if last else node[key]
        elif isinstance(node, dict):
            node[key] = _value(text) if last else node.get(key, {})
        else:
            document.problems.append(Problem(origin, dotted(path), "这里放不下这个值"))
            return
        node = node[key]


def _existing(node: Any, part: str) -> str | int:
    if isinstance(node, list) and part.isdigit():
        return int(part)
    folded = part.casefold().replace("-", "_")
    keys = node if isinstance(node, dict) else ()
    return next((str(key) for key in keys if str(key).casefold().replace("-", "_") == folded), folded)


def _value(text: str) -> Any:
    return yaml.safe_load(text) if text.lstrip()[:1] in ("[", "{") else text


# --- secrets from elsewhere ------------------------------------------------------------------------------


def _resolve(document: Document, value: Any, path: Path, folder: FilePath, environ: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {k: _resolve(document, v, (*path, k), folder, environ) for k, v in value.items()}
    if isinstance(value, list):
        return [_resolve(document, v, (*path, i), folder, environ) for i, v in enumerate(value)]
    if not isinstance(value, str):
        return value
    for name in _REFERENCE.findall(value):
        if not environ.get(name):
            document.unset[path] = f"环境变量 {name}"
    text = _REFERENCE.sub(lambda match: environ.get(match.group(1), ""), value)
    if not text.startswith("file:"):
        return text
    return _from_file(document, text.removeprefix("file:"), path, folder)


def _from_file(document: Document, name: str, path: Path, folder: FilePath) -> str:
    file = folder / name.strip()
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        document.unset[path] = f"文件 {name.strip()}"
        return ""
    except (OSError, UnicodeDecodeError) as error:
        document.fault(path, f"读不了文件 {name.strip()}：{error}")
        return ""
