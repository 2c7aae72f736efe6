"""What the model writes, and the text that comes back."""

import json

import pytest

from prosa.core.errors import UserError
from prosa.core.language import speaking
from prosa.generate.tools import Tool, Toolbox, ToolCall, ToolResult, from_function, parse_call
from prosa.generate.tools.calls import failure, success


def test_a_call_and_its_text():
    text = '{"name": "calculator", "arguments": {"expression": "3,5*2 é"}}'
    call = parse_call(text)
    assert call == ToolCall("calculator", {"expression": "3,5*2 é"})
    assert call.text == text
    assert parse_call('\n {"arguments":{},"name":"a"} ') == ToolCall("a", {})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the call is not JSON (character 1)"),
        ("calculator(3)", "the call is not JSON (character 1)"),
        ('{"name": "a", "arguments": {}', "the call is not JSON (character 30)"),
        ('{"name": "a", "arguments": {}} ok', "the call is not JSON (character 32)"),
        ("{'name': 'a', 'arguments': {}}", "the call is not JSON (character 2)"),
        ('{"name": "a", "arguments": {"x": "\n"}}', "the call is not JSON (character 35)"),
        ('{"name": "a", "arguments": {"x": NaN}}', "the call is not plain JSON"),
        ('{"name": "a", "arguments": {"x": -Infinity}}', "the call is not plain JSON"),
        ('{"name": "a", "name": "b", "arguments": {}}', "the call is not plain JSON"),
        ('{"name": "a", "arguments": {"x": 1, "x": 2}}', "the call is not plain JSON"),
        ('{"name": "a", "arguments": {"x": ' + "9" * 5000 + "}}", "the call is not plain JSON"),
        ("[" * 1_000_000, "the call is not plain JSON"),
        ("[]", "the call is not an object with name and arguments"),
        ('"a"', "the call is not an object with name and arguments"),
        ('{"name": "a"}', "the call is not an object with name and arguments"),
        ('{"name": "a", "arguments": {}, "role": "user"}', "the call is not an object with name and arguments"),
        ('{"name": 3, "arguments": {}}', "name is not a tool's name"),
        ('{"name": "a b", "arguments": {}}', "name is not a tool's name"),
        ('{"name": "\\ud800", "arguments": {}}', "name is not a tool's name"),
        ('{"name": "a\\n", "arguments": {}}', "name is not a tool's name"),
        ('{"name": "a", "arguments": "{}"}', "arguments is not an object"),
        ('{"name": "a", "arguments": null}', "arguments is not an object"),
        ('{"name": "a", "arguments": {"x": ' + "[" * 900 + "]" * 900 + "}}", "the arguments are nested too deeply"),
        ('{"name": "a", "arguments": {"x": ' + "[" * 50 + "1" + "]" * 50 + "}}", "the arguments are nested too deeply"),
    ],
)
def test_malformed(text, problem):
    with pytest.raises(UserError) as error:
        parse_call(text)
    assert (error.value.what, error.value.hint) == (problem, 'Write {"name": "...", "arguments": {...}}')
    assert Toolbox().answer(text) == ToolResult("", f"Error: {error.value}", error=True)


def test_deep_arguments_are_read_up_to_the_bound():
    text = '{"name": "a", "arguments": {"x": ' + "[" * 49 + "1" + "]" * 49 + "}}"
    assert parse_call(text).text == text


def test_malformed_in_portuguese():
    with speaking("pt-BR"):
        assert Toolbox().answer("x").content == (
            'Erro: a chamada não é JSON (caractere 1)\nEscreva {"name": "...", "arguments": {...}}'
        )


def bounded(function) -> Tool:
    return from_function(function, bounded=True)


def test_an_unknown_tool():
    def soma(a: int) -> int:
        return a

    result = Toolbox([bounded(soma)]).run(ToolCall("some", {}))
    assert result == ToolResult(
        "some", "Error: unknown tool: 'some'. Did you mean 'soma'?\nThere are: soma", error=True
    )


def test_names_come_once():
    def soma(a: int) -> int:
        return a

    with pytest.raises(UserError, match="two tools of the name soma"):
        Toolbox([bounded(soma), bounded(soma)])
    toolbox = Toolbox()
    assert toolbox.add(soma) is soma
    with pytest.raises(UserError, match="two tools of the name soma"):
        toolbox.add(soma)
    assert [schema["function"]["name"] for schema in toolbox.schemas] == ["soma"]


@pytest.mark.parametrize("wrong", [{"timeout": 0}, {"timeout": -1}, {"timeout": float("nan")}, {"max_chars": 0}])
def test_bounds_are_positive(wrong):
    with pytest.raises(UserError, match="must be positive"):
        Toolbox(**wrong)


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("olá", "olá"),
        ("", ""),
        ('{"role": "system"}', '{"role": "system"}'),
        ("a\ud800b", "a\ufffdb"),
        (3, "3"),
        (2.5, "2.5"),
        (True, "true"),
        (None, "null"),
        (["pão", 1], '["pão", 1]'),
        ({"é": (1, 2)}, '{"é": [1, 2]}'),
    ],
)
def test_results_are_text(value, content):
    def give() -> object:
        return value

    assert Toolbox([bounded(give)]).run(ToolCall("give", {})) == ToolResult("give", content)


def looped() -> list[object]:
    value: list[object] = []
    value.append(value)
    return value


def tower() -> list[object]:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("make", "content"),
    [
        (lambda: {1, 2}, "the set it returned has no form in JSON (TypeError: Object of type set is not"),
        (lambda: [b"x"], "the list it returned has no form in JSON (TypeError: Object of type bytes is not"),
        (lambda: float("nan"), "the float it returned has no form in JSON (ValueError: Out of range float"),
        (looped, "the list it returned has no form in JSON (ValueError: Circular reference detected)"),
        (tower, "the list it returned has no form in JSON (RecursionError: maximum recursion depth"),
        (lambda: 10**5000, "the int it returned has no form in JSON (ValueError: Exceeds the limit"),
        (lambda: (n for n in "ab"), "the generator it returned has no form in JSON"),
    ],
)
def test_what_json_has_no_form_for(make, content):
    def give() -> object:
        return make()

    result = Toolbox([bounded(give)]).run(ToolCall("give", {}))
    assert result.error
    assert result.content.startswith(f"Error: {content}")


def test_long_results_are_cut():
    assert success("a", "x" * 10, 10).content == "x" * 10
    assert success("a", "x" * 11, 10).content == "x" * 10 + "\n[characters cut: 1]"
    assert success("a", "x" * 10_000_000, 5).content == "xxxxx\n[characters cut: 9,999,995]"
    assert failure("a", "x" * 100, 10).content == "Error: xxx\n[characters cut: 97]"
    with speaking("pt-BR"):
        assert success("a", "x" * 12345, 5).content == "xxxxx\n[caracteres cortados: 12.340]"


@pytest.mark.parametrize(
    ("error", "content"),
    [
        (ValueError("no such city"), "ValueError: no such city"),
        (KeyError("pão"), "KeyError: 'pão'"),
        (ValueError(), "ValueError"),
        (SystemExit(3), "SystemExit: 3"),
        (UserError("wrong", "do this"), "wrong\ndo this"),
        (
            FileNotFoundError(2, "No such file", "/home/ana/my files/a.txt"),
            "FileNotFoundError: [Errno 2] No such file: 'a.txt'",
        ),
        (ValueError(r"bad C:\Users\ana\x.csv"), "ValueError: bad x.csv"),
        (ValueError(r"\\server\share\x.csv"), "ValueError: x.csv"),
        (ValueError("in:/home/ana/x.csv"), "ValueError: in:x.csv"),
        (ValueError("file:///home/ana/x.csv"), "ValueError: file:x.csv"),
        (ValueError("see https://example.org/a/b.html"), "ValueError: see https://example.org/a/b.html"),
        (ValueError("3/4 of 25/12/2026, 1 / 2 / 3, ../a/b"), "ValueError: 3/4 of 25/12/2026, 1 / 2 / 3, ../a/b"),
    ],
)
def test_what_is_raised_is_told_without_folders(error, content):
    def fail() -> None:
        raise error

    assert Toolbox([bounded(fail)]).run(ToolCall("fail", {})) == ToolResult("fail", f"Error: {content}", error=True)


def test_an_exception_that_cannot_tell_itself():
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def fail() -> None:
        raise Mute

    assert Toolbox([bounded(fail)]).run(ToolCall("fail", {})).content == "Error: Mute"


def test_ctrl_c_is_not_a_result():
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Toolbox([bounded(interrupted)]).run(ToolCall("interrupted", {}))


def test_a_schema_is_json():
    def soma(a: int, b: int = 2) -> int:
        """Adds."""
        return a + b

    assert json.loads(json.dumps(Toolbox([bounded(soma)]).schemas)) == Toolbox([bounded(soma)]).schemas
