"""GPT-3's ten arithmetic tasks, as its paper defines them (Brown et al. 2020, arXiv 2005.14165, section 3.9.1).

    2D+ 2D- … 5D+ 5D-   two integers, uniform in [0, 10^k); a difference may be negative
    2Dx                 two integers, uniform in [0, 100)
    1DC                 a op (b op c): digits uniform in [0, 10), operations uniform in {+, -, *}

"In all 10 tasks the model must generate the correct answer exactly": an integer, by the rule of extract.py.

Keys know no task: 12 + 34 of the three-digit sums has the side it has among the two-digit ones. Held out together are
commuted pairs, a - b with its opposite b - a, and in 1DC also all orders of the three digits of a sum or a product.

Three sets of wordings: ``own``; ``bare``, the sum alone; and ``gpt3``, the paper's "Q: What is 48 plus 76? A:" and its
translation, which is for testing only.
"""

from operator import add, mul, sub

from prosa.core.language import Lang
from prosa.evaluate.tasks.extract import same_number
from prosa.evaluate.tasks.task import Question, Task, Wordings
from prosa.tokenizers.chat import ToolCall

_OPERATIONS = {"+": add, "-": sub, "*": mul}
_SIGNS = {"+": "+", "-": "-", "*": "×"}
_WORDS: dict[Lang, dict[str, str]] = {
    "pt-BR": {"+": "mais", "-": "menos", "*": "vezes"},
    "en": {"+": "plus", "-": "minus", "*": "times"},
}

_WORDINGS = {
    "own": Wordings(
        train={
            "pt-BR": (
                "Quanto é {expression}?",
                "Calcule {expression}.",
                "Qual é o resultado de {words}?",
                "Resolva a conta {tight}.",
                "Diga quanto são {words}.",
                "{expression}",
                "Some, subtraia ou multiplique: {expression}",
                "Conta: {tight}. Resultado?",
                "Preciso do resultado de {expression}.",
                "Me ajude com esta conta: {tight}",
                "{words} dá quanto?",
                "Qual o total de {words}?",
                "Efetue {tight}.",
                "Responda: {expression} = ?",
                "Você sabe quanto é {words}?",
                "Na minha lição está {tight}. Qual é a resposta?",
            ),
            "en": (
                "How much is {expression}?",
                "Compute {expression}.",
                "What is the result of {words}?",
                "Work out {tight}.",
                "Tell me how much {words} comes to.",
            ),
        },
        test={
            "pt-BR": ("Quanto dá {expression}?", "Faça esta conta: {words}.", "Qual é o valor de {tight}?"),
            "en": ("What does {expression} give?", "Do this calculation: {words}.", "Find the value of {tight}."),
        },
    ),
    "bare": Wordings(
        train={"pt-BR": ("{tight}=", "{tight} = ?"), "en": ("{tight}=", "{tight} = ?")},
        test={"pt-BR": ("{expression} =",), "en": ("{expression} =",)},
    ),
    "gpt3": Wordings(train={}, test={"pt-BR": ("P: Quanto é {words}? R:",), "en": ("Q: What is {words}? A:",)}),
}


def _pair(digits: int, operation: str) -> Task:
    """The task of two operands of up to ``digits`` digits."""
    limit = 10**digits

    def question(i: int, language: Lang) -> Question:
        a, b = divmod(i, limit)
        fields = {
            "expression": f"{a} {_SIGNS[operation]} {b}",
            "words": f"{a} {_WORDS[language][operation]} {b}",
            "tight": f"{a}{operation}{b}",
        }
        key = f"arithmetic:{min(a, b)}{operation}{max(a, b)}"
        return Question(key, fields, str(_OPERATIONS[operation](a, b)), call=_calculate(fields["tight"]))

    name = f"{digits}D{'x' if operation == '*' else operation}"
    return Task(name, lambda _: limit**2, question, same_number, _WORDINGS)


def _composite(i: int, language: Lang) -> Question:
    """Question ``i`` of 1DC, the same in every language."""
    symbols = "+-*"
    i, first = divmod(i, 3)
    i, second = divmod(i, 3)
    outer, inner = symbols[first], symbols[second]
    a, b, c = i // 100, i // 10 % 10, i % 10
    tight = f"{a}{outer}({b}{inner}{c})"
    fields = {
        "expression": f"{a} {_SIGNS[outer]} ({b} {_SIGNS[inner]} {c})",
        "words": tight,
        "tight": tight,
    }
    key = f"arithmetic:{a}{outer}({b}{inner}{c})"
    if outer == inner != "-":
        key = "arithmetic:" + outer.join(map(str, sorted((a, b, c))))
    elif inner != "-":
        key = f"arithmetic:{a}{outer}({min(b, c)}{inner}{max(b, c)})"
    answer = _OPERATIONS[outer](a, _OPERATIONS[inner](b, c))
    return Question(key, fields, str(answer), call=_calculate(tight))


def _calculate(expression: str) -> ToolCall:
    return ToolCall("calculator", {"expression": expression})


ARITHMETIC = (
    *(_pair(digits, operation) for digits in (2, 3, 4, 5) for operation in "+-"),
    _pair(2, "*"),
    Task("1DC", lambda _: 9_000, _composite, same_number, _WORDINGS),
)
