"""Schemas against literal ones, and calls that do not fit them."""

import functools
from dataclasses import dataclass, field
from typing import Any, Dict, List, Literal, NotRequired, Optional, TypedDict, Union  # noqa: UP035 (users write them)

import pytest

from prosa.core.errors import UserError
from prosa.core.language import speaking
from prosa.generate.tools import from_function
from prosa.generate.tools.schema import outline


@dataclass
class Place:
    city: str
    state: str = "SP"
    tags: list[str] = field(default_factory=list)


class Range(TypedDict):
    low: float
    high: NotRequired[float]


def weather(city: str, days: int = 3, unit: Literal["C", "F"] = "C", detailed: bool = False) -> str:
    """The weather forecast of a city.

    It goes on here, which is not the description.

    Args:
        city: the city's name,
            as people write it
        days (int): how many days ahead
        unit: Celsius: C, Fahrenheit: F

    Returns:
        text: not a parameter
    """
    return f"{city} {days} {unit} {detailed}"


def everything(
    numbers: list[float],
    prices: dict[str, float],
    place: Place,
    span: Range | None,
    size: Optional[int] = None,  # noqa: UP045
    level: Literal[1, 2, "max"] = 1,
    table: dict[str, list[int]] = {},  # noqa: B006
) -> list[Any]:
    return [numbers, prices, place, span, size, level, table]


def test_the_schema_of_a_function():
    assert from_function(weather).schema == {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather forecast of a city.",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "the city's name, as people write it"},
                    "days": {"type": "integer", "description": "how many days ahead", "default": 3},
                    "unit": {
                        "type": "string",
                        "enum": ["C", "F"],
                        "description": "Celsius: C, Fahrenheit: F",
                        "default": "C",
                    },
                    "detailed": {"type": "boolean", "default": False},
                },
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    }


def test_the_schema_of_every_type():
    assert from_function(everything).schema["function"] == {
        "name": "everything",
        "description": "",
        "parameters": {
            "type": "object",
            "properties": {
                "numbers": {"type": "array", "items": {"type": "number"}},
                "prices": {"type": "object", "additionalProperties": {"type": "number"}},
                "place": {
                    "type": "object",
                    "properties": {
                        "city": {"type": "string"},
                        "state": {"type": "string", "default": "SP"},
                        "tags": {"type": "array", "items": {"type": "string"}},
                    },
                    "required": ["city"],
                    "additionalProperties": False,
                },
                "span": {
                    "anyOf": [
                        {
                            "type": "object",
                            "properties": {"low": {"type": "number"}, "high": {"type": "number"}},
                            "required": ["low"],
                            "additionalProperties": False,
                        },
                        {"type": "null"},
                    ]
                },
                "size": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
                "level": {"enum": [1, 2, "max"], "default": 1},
                "table": {
                    "type": "object",
                    "additionalProperties": {"type": "array", "items": {"type": "integer"}},
                    "default": {},
                },
            },
            "required": ["numbers", "prices", "place", "span"],
            "additionalProperties": False,
        },
    }


def test_values_become_pythons():
    arguments = {
        "numbers": [1, 2.5],
        "prices": {"pão": 3},
        "place": {"city": "Itu", "tags": ["a"]},
        "span": {"low": 1},
        "size": None,
        "level": "max",
    }
    value = from_function(everything).call(arguments)
    assert value == [[1.0, 2.5], {"pão": 3.0}, Place("Itu", "SP", ["a"]), {"low": 1.0}, None, "max", {}]
    assert [type(number) for number in value[0]] == [float, float]


def test_defaults_are_the_functions():
    assert from_function(weather).call({"city": "Itu"}) == "Itu 3 C False"
    assert from_function(weather).call({"city": "Itu", "unit": "F", "days": 1}) == "Itu 1 F False"


FINE = {"numbers": [], "prices": {}, "place": {"city": "Itu"}, "span": None}


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"numbers": 1}, "numbers must be [<number>, ...], and is 1"),
        ({"numbers": [1, "2"]}, 'numbers[1] must be <number>, and is "2"'),
        ({"numbers": [True]}, "numbers[0] must be <number>, and is true"),
        ({"numbers": [float("inf")]}, "numbers[0] must be <number>, and is Infinity"),
        ({"numbers": [10**400]}, f"numbers[0] must be <number>, and is 1{'0' * 59}..."),
        ({"prices": []}, 'prices must be {"...": <number>}, and is []'),
        ({"prices": {"pão": "3"}}, 'prices.pão must be <number>, and is "3"'),
        (
            {"place": "Itu"},
            'place must be {"city": <string>, "state": <string>, "tags": [<string>, ...]}, and is "Itu"',
        ),
        ({"place": {}}, "place.city is missing"),
        ({"place": {"city": None}}, "place.city must be <string>, and is null"),
        ({"place": {"city": "Itu", "country": "BR"}}, 'place."country" is unknown'),
        ({"place": {"city": "Itu", "tags": ["a", 1]}}, "place.tags[1] must be <string>, and is 1"),
        ({"span": {"high": 2}}, "span.low is missing"),
        ({"size": 1.0}, "size must be <integer>, and is 1.0"),
        ({"size": True}, "size must be <integer>, and is true"),
        ({"size": "1"}, 'size must be <integer>, and is "1"'),
        ({"level": 3}, 'level must be 1 | 2 | "max", and is 3'),
        ({"level": True}, 'level must be 1 | 2 | "max", and is true'),
        ({"table": {"a": [1, {}]}}, "table.a[1] must be <integer>, and is {}"),
        ({"numbers": 1, "sizes": 1}, '"sizes" is unknown; numbers must be [<number>, ...], and is 1'),
    ],
)
def test_what_does_not_fit_is_named(changed, problem):
    with pytest.raises(UserError) as error:
        from_function(everything).call(FINE | changed)
    assert error.value.what == problem


def test_the_right_form_is_told():
    with pytest.raises(UserError) as error:
        from_function(weather).call({"cidade": "Itu", "unit": "K"})
    assert str(error.value) == (
        '"cidade" is unknown; city is missing; unit must be "C" | "F", and is "K"\n'
        'The right form: {"name": "weather", "arguments": '
        '{"city": <string>, "days": <integer>, "unit": "C" | "F", "detailed": <boolean>}}'
    )
    with speaking("pt-BR"), pytest.raises(UserError, match='"x" não existe; falta city'):
        from_function(weather).call({"x": 1})
    assert outline(from_function(everything).arguments.schema["properties"]["size"]) == "<integer> | null"


def test_a_function_without_parameters():
    def now() -> str:
        """The time."""
        return "12:00"

    tool = from_function(now)
    assert tool.schema["function"]["parameters"] == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }
    assert tool.call({}) == "12:00"
    with pytest.raises(UserError, match='"x" is unknown'):
        tool.call({"x": 1})


def test_other_ways_to_write_the_same():
    def old(a: List[int], b: Dict[str, int], c: Union[str, None] = None, *, d: "list[int]" = ()) -> None:  # noqa: UP006, UP007
        """One.

        Args:
            a : first
            b(dict): second
        """

    properties = from_function(old).schema["function"]["parameters"]["properties"]
    assert properties == {
        "a": {"type": "array", "items": {"type": "integer"}, "description": "first"},
        "b": {"type": "object", "additionalProperties": {"type": "integer"}, "description": "second"},
        "c": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "d": {"type": "array", "items": {"type": "integer"}, "default": ()},
    }
    assert from_function(old).description == "One."


def test_methods_and_decorated_functions():
    class Shop:
        def price(self, item: str) -> str:
            """The price."""
            return f"{item}: 3"

    @functools.cache
    def double(n: int) -> int:
        return 2 * n

    assert from_function(Shop().price).call({"item": "pão"}) == "pão: 3"
    assert from_function(double).call({"n": 4}) == 8
    assert list(from_function(double).schema["function"]["parameters"]["properties"]) == ["n"]


def test_a_default_that_json_has_not_is_left_out():
    def search(query: str, place: Place = Place("Itu")) -> str:  # noqa: B008
        return place.city

    tool = from_function(search)
    assert "default" not in tool.schema["function"]["parameters"]["properties"]["place"]
    assert tool.call({"query": "a"}) == "Itu"


class Node(TypedDict):
    next: "Node"


@dataclass
class Lost:
    item: "Nowhere"  # noqa: F821


def _positional(a: int, /) -> None: ...
def _bare(a, b: int, c=3) -> None: ...
def _stars(*words: str, **options: int) -> None: ...
def _sets(a: set[str], b: Any, c: int | str, d: dict[int, str], e: list, f: List, g: bytes) -> None: ...  # noqa: UP006
def _forward(a: "Nowhere") -> None: ...  # noqa: F821
def _node(a: Node) -> None: ...
def _lost(a: Lost) -> None: ...
async def _later(a: int) -> None: ...
def _listed(a: [int], b: Literal[None, "x"]) -> None: ...


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (_positional, "_positional cannot be a tool: a cannot be given by name."),
        (_bare, "_bare cannot be a tool: a has no annotation; c has no annotation."),
        (_stars, "*words: str takes any number of values; **options: int takes any number of values."),
        (_sets, "a: set[str] is not supported; b: Any is not supported; c: int | str is not supported; "),
        (_sets, "d: dict[int, str] is not supported; e: list is not supported; f: typing.List is not supported; "),
        (_sets, "g: bytes is not supported."),
        (_forward, "_forward: cannot read the annotations: name 'Nowhere' is not defined"),
        (_node, "a: Node is not supported"),
        (_lost, "a: Lost: name 'Nowhere' is not defined"),
        (_later, "async functions are not supported"),
        (_listed, "a: [<class 'int'>] is not supported; b: typing.Literal[None, 'x'] is not supported"),
        (lambda a: a, "<lambda> cannot be a tool."),
        (Place, "Place cannot be a tool."),
        (functools.partial(weather, days=1), "cannot be a tool."),
        (3, "3 cannot be a tool."),
    ],
)
def test_what_cannot_be_a_tool(function, problem):
    with pytest.raises(UserError) as error:
        from_function(function)
    assert problem in error.value.what
    assert error.value.hint or "cannot read" in problem


def test_names_are_those_that_clients_take():
    def média(a: int) -> int:
        return a

    with pytest.raises(UserError, match="média cannot be a tool"):
        from_function(média)
    média.__name__ = "a" * 64
    assert from_function(média).name == "a" * 64
    média.__name__ = "a" * 65
    with pytest.raises(UserError, match="at most 64"):
        from_function(média)
