"""A user's Python file as tools."""

import sys

import pytest

from prosa.core.errors import UserError
from prosa.core.language import speaking
from prosa.generate.tools import Toolbox, ToolCall, from_file

SHOP = '''
"""Tools of a shop."""
from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from os.path import join  # a function, but not of this file
from typing import NewType, TypedDict

Price = NewType("Price", float)
ITEMS = {"pão": 0.75}


@dataclass
class Order:
    item: str
    count: int = 1


class Address(TypedDict):
    street: str


def total(orders: list[Order], address: Address | None = None) -> float:
    """What the orders cost."""
    return sum(ITEMS[order.item] * order.count for order in orders)


@functools.cache
def known(item: str) -> bool:
    """Whether the shop has it."""
    return item in ITEMS


also_known = known


def _helper(anything):
    return anything
'''


def test_public_functions_of_the_file_in_its_order(tmp_path):
    path = tmp_path / "shop.py"
    path.write_text(SHOP, encoding="utf-8")
    total, known = from_file(path)
    assert (total.name, total.description) == ("total", "What the orders cost.")
    assert (known.name, known.description) == ("known", "Whether the shop has it.")
    assert total.call({"orders": [{"item": "pão", "count": 4}, {"item": "pão"}]}) == 3.75
    assert known.call({"item": "bolo"}) is False


def test_two_files_of_one_name_are_two_modules(tmp_path):
    paths = [tmp_path / folder / "json.py" for folder in ("a", "b")]
    for number, path in enumerate(paths):
        path.parent.mkdir()
        path.write_text(f"def which() -> int:\n    return {number}\n")
    first, second = (from_file(path)[0] for path in paths)
    assert (first.call({}), second.call({})) == (0, 1)
    assert __import__("json").dumps([1]) == "[1]"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no public functions"),
        ("from os.path import join\n_f = 3\ndef _g(a: int): ...\nclass C: ...\n", "has no public functions"),
        ("def soma(a: int:\n", r"cannot run .*mine\.py: SyntaxError: .*line 1"),
        ("import no_such_module_here\n", "cannot run .*ModuleNotFoundError: No module named 'no_such_module_here'"),
        ("1/0\n", r"cannot run .*mine\.py:1: ZeroDivisionError: division by zero"),
        ("\ndef f():\n    1/0\n\nf()\n", r"cannot run .*mine\.py:3: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)\n", "cannot run .*SystemExit: 3"),
        (
            "def a(x): ...\ndef b(y: set): ...\ndef c(z: int): ...\n",
            r"a cannot be a tool: x has(.|\n)*b cannot be a tool: y",
        ),
        ("area = lambda r: r\n", "<lambda> cannot be a tool"),
        ("x = 'ação'".encode("latin-1"), "cannot run .*SyntaxError"),
        (b"\0", "cannot run"),
    ],
)
def test_a_file_that_has_no_tools(tmp_path, text, problem):
    path = tmp_path / "mine.py"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=problem) as error:
        from_file(path)
    assert str(path) in str(error.value)


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(UserError, match=r"there is no file .*none\.py"):
        from_file(tmp_path / "none.py")
    with pytest.raises(UserError, match="there is no file"):
        from_file(tmp_path)
    text = tmp_path / "tools.txt"
    text.write_text("def soma(a: int): ...\n")
    with pytest.raises(UserError, match=r"is not a Python file \(.py\)"):
        from_file(text)
    with speaking("pt-BR"), pytest.raises(UserError, match="não existe"):
        from_file(tmp_path / "none.py")


def test_what_stands_beside_the_file_can_be_imported_also_when_a_tool_is_called(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", list(sys.path))
    (tmp_path / "beside_it.py").write_text("def half(x):\n    return x / 2\n")
    (tmp_path / "later.py").write_text("third = 1 / 3\n")
    (tmp_path / "json.py").write_text("raise SystemExit('not the one that is meant')\n")
    (tmp_path / "mine.py").write_text(
        "import json\nfrom beside_it import half\n"
        "def f(x: float) -> float:\n    return half(x)\ndef g() -> float:\n    import later\n    return later.third\n"
    )
    toolbox = Toolbox(from_file(tmp_path / "mine.py"))
    assert toolbox.run(ToolCall("f", {"x": 3})).content == "1.5"
    assert toolbox.run(ToolCall("g", {})).content == str(1 / 3)
    toolbox.close()


def test_what_the_file_prints_is_no_result(tmp_path, capsys):
    (tmp_path / "mine.py").write_text("print('loading')\ndef f() -> int:\n    return 1\n")
    from_file(tmp_path / "mine.py")
    assert capsys.readouterr() == ("", "loading\n")


def test_a_helper_is_told_how_not_to_be_a_tool(tmp_path):
    (tmp_path / "mine.py").write_text("def helper(x):\n    return x\ndef f() -> int:\n    return helper(1)\n")
    with pytest.raises(UserError, match="helper cannot be a tool: x has no annotation") as error:
        from_file(tmp_path / "mine.py")
    assert "begins with _" in error.value.hint
