"""Ways of asking the same problem: what examples, reasoning and a role change is measured, not assumed.

zero     the problem alone
few      examples before it, as earlier turns                       (Brown et al. 2020, arXiv 2005.14165)
cot      "think step by step", and the final answer on a line       (Kojima et al. 2022, arXiv 2205.11916)
         that the rule of extract.py finds
expert   a system turn: "answer as an expert"
"""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from prosa.core.language import Lang
from prosa.evaluate.tasks.problem import Problem
from prosa.tokenizers.chat import Message

Prompting = Literal["zero", "few", "cot", "expert"]
PROMPTINGS: tuple[Prompting, ...] = get_args(Prompting)

STEP_BY_STEP: Mapping[Lang, str] = {
    "pt-BR": 'Pense passo a passo. Na última linha, escreva "Resposta:" e só a resposta final.',
    "en": 'Think step by step. On the last line, write "Answer:" and only the final answer.',
}
EXPERT: Mapping[Lang, str] = {
    "pt-BR": "Você é um especialista no assunto. Responda como um especialista.",
    "en": "You are an expert on the subject. Answer as an expert.",
}


def conversation(problem: Problem, prompting: Prompting, examples: Sequence[Problem] = ()) -> list[Message]:
    """The turns up to the one that asks the problem; ``examples`` come before it as answered turns."""
    turns = [Message("system", EXPERT[problem.language])] if prompting == "expert" else []
    for example in examples:
        turns += [Message("user", example.prompt), Message("assistant", example.answer)]
    asked = f"{problem.prompt}\n{STEP_BY_STEP[problem.language]}" if prompting == "cot" else problem.prompt
    return [*turns, Message("user", asked)]
