"""Every TOP vector of the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integrations.commerce.taobao.signature import sign, text_to_sign

VECTORS = json.loads(Path("tests/vectors/platform-signatures.json").read_text())["vectors"]
TOP = [vector for vector in VECTORS if vector["id"].startswith("top.")]


def test_all_vectors_are_here() -> None:
    assert len(TOP) == 6


@pytest.mark.parametrize("vector", TOP, ids=lambda vector: str(vector["id"]))
def test_vector(vector: dict[str, Any]) -> None:
    params = vector["params"]
    secret = vector["secret"]
    method = params.get("sign_method", "md5")
    wrapped = f"{secret}{text_to_sign(params)}{secret}" if method == "md5" else text_to_sign(params)
    assert wrapped == vector["string_to_sign"]
    assert sign(params, secret, method) == vector["expected"]


def test_empty_values_and_the_signature_itself_are_left_out() -> None:
    assert text_to_sign({"b": "2", "a": "1", "empty": "", "sign": "X"}) == "a1b2"
