"""The examples in the documentation run."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import leafhold

MODULES = sorted(f"leafhold.{module.name}" for module in pkgutil.iter_modules(leafhold.__path__))
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


@pytest.mark.parametrize("name", ["leafhold", *MODULES])
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert result.failed == 0


@pytest.mark.parametrize("name", leafhold.__all__)
def test_everything_public_is_documented_and_has_types(name: str) -> None:
    thing = getattr(leafhold, name)
    assert inspect.getdoc(thing)
    if inspect.isfunction(thing):
        assert inspect.signature(thing).return_annotation is not inspect.Signature.empty


def test_the_native_half_is_as_its_stub_says() -> None:
    import ast
    from pathlib import Path

    from leafhold import _leafhold

    stub = ast.parse(Path(leafhold.__file__).with_name("_leafhold.pyi").read_text())
    for node in stub.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            thing = getattr(_leafhold, node.name)
            members = [member.name for member in getattr(node, "body", []) if isinstance(member, ast.FunctionDef)]
            for member in members if isinstance(node, ast.ClassDef) else []:
                assert hasattr(thing, member), f"{node.name}.{member}"
    declared = {node.name for node in stub.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    native = {name for name in dir(_leafhold) if not name.startswith("__") and callable(getattr(_leafhold, name))}
    assert declared == native
