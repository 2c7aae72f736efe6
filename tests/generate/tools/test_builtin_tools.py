"""The tools that come with Prosa, as a model calls them."""

from datetime import date

import pytest

from prosa.core.language import speaking
from prosa.generate.tools import Toolbox, ToolCall, builtin_tools

TODAY = date(2026, 11, 25)  # a Wednesday


@pytest.mark.parametrize(
    ("name", "arguments", "pt", "en"),
    [
        ("today", {}, "25/11/2026, quarta-feira", "2026-11-25, Wednesday"),
        ("day_of_week", {"date": "07/09/1822"}, "sábado", "Saturday"),
        ("days_between", {"start": "hoje", "end": "25/12/2026"}, "30 dias", "30 days"),
        ("add_to_date", {"date": "hoje", "days": 7}, "02/12/2026, quarta-feira", "2026-12-02, Wednesday"),
        ("add_to_date", {"date": "2026-01-31", "months": 1}, "28/02/2026, sábado", "2026-02-28, Saturday"),
        ("calculator", {"expression": "1/4"}, "0,25", "0.25"),
    ],
)
def test_the_tools(name, arguments, pt, en):
    for language, expected in (("pt", pt), ("en", en)):
        result = Toolbox(builtin_tools(language, clock=lambda: TODAY)).run(ToolCall(name, arguments))
        assert (result.name, result.content, result.error) == (name, expected, False)


def test_errors_of_the_tools_are_results():
    toolbox = Toolbox(builtin_tools("pt", clock=lambda: TODAY))
    assert toolbox.run(ToolCall("day_of_week", {"date": "30/02/2026"})).content == "Error: there is no day 30/02/2026"
    result = toolbox.run(ToolCall("calculator", {"expression": "1/0"}))
    assert (result.content, result.error) == ("Error: division by zero", True)
    with speaking("pt-BR"):
        assert toolbox.run(ToolCall("calculator", {"expression": "1/0"})).content == "Erro: divisão por zero"


def test_the_clock_is_todays():
    toolbox = Toolbox(builtin_tools("en"))
    before = date.today()
    assert toolbox.run(ToolCall("today", {})).content[:10] in {before.isoformat(), date.today().isoformat()}


def test_every_parameter_is_described():
    for tool in builtin_tools("pt"):
        parameters = tool.schema["function"]["parameters"]["properties"]
        assert tool.description
        assert all("description" in inner for inner in parameters.values()), tool.name


def test_the_calculators_schema():
    assert builtin_tools("en")[0].schema == {
        "type": "function",
        "function": {
            "name": "calculator",
            "description": "Exact arithmetic.",
            "parameters": {
                "type": "object",
                "properties": {"expression": {"type": "string", "description": "numbers with + - * / ^ ( ) % sqrt"}},
                "required": ["expression"],
                "additionalProperties": False,
            },
        },
    }


def test_what_tools_do_is_told_in_their_language():
    english, portuguese = builtin_tools("en"), builtin_tools("pt")
    assert portuguese[0].description == "Aritmética exata."
    assert [t.name for t in english] == [t.name for t in portuguese]
    assert all(a.description != b.description for a, b in zip(english, portuguese, strict=True))
