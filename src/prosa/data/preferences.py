"""Preferences from files: a prompt and answers to it, the better before the worse; checked record by record.

    pair           {"prompt": "…", "chosen": "…", "rejected": "…", "system": "…"}
    ranking        {"prompt": "…", "responses": ["best", ["two that", "are alike"], "worst"]}
    Hugging Face   {"chosen": [turns, the last the answer], "rejected": [turns that begin alike]}, also with a "prompt"
    LLaMA-Factory  {"conversations": [turns], "chosen": {"from": "gpt", "value": "…"}, "rejected": {…}}

A prompt is a user's turn or a list of turns in OpenAI's or ShareGPT's form (also as "messages", or Alpaca's
"instruction" and "input"); an answer is a text, or an assistant's turn. Texts become NFC.

A ranking of K answers is one element, not K (K - 1) / 2 of them (Ouyang et al. 2022, arXiv 2203.02155, 3.5): its pairs
have answers in common, and apart they would be learnt by heart within an epoch.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prosa.core.language import tr
from prosa.corpus.problems import Problems
from prosa.data.conversations import alpaca_prompt, check_turns, content_of, system, turn, turns
from prosa.data.division import first_asked
from prosa.data.records import BadRecord, Record, read_records
from prosa.tokenizers.chat import Message

Group = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Answers to a prompt, and which are better.

    Attributes:
        prompt: turns that end with the one to be answered.
        groups: the answers, the best first; those of a group are equally good. At least two groups.
        source: where it comes from (``file:line``).
    """

    prompt: tuple[Message, ...]
    groups: tuple[Group, ...]
    source: str

    @property
    def asked(self) -> str:
        """The first user's turn."""
        return first_asked(self.prompt)

    @property
    def answers(self) -> tuple[str, ...]:
        """All answers, the best first."""
        return tuple(answer for group in self.groups for answer in group)

    def pairs(self) -> list[tuple[int, int]]:
        """Numbers in ``answers`` of a better and a worse one: all pairs of answers that are not equally good."""
        ranks = [rank for rank, group in enumerate(self.groups) for _ in group]
        return [(i, j) for i in range(len(ranks)) for j in range(i + 1, len(ranks)) if ranks[i] < ranks[j]]


def read_rankings(paths: Sequence[Path], problems: Problems) -> Iterator[Ranking]:
    """The preferences of JSONL, JSON and Parquet files; what is not one is counted and named in ``problems``.

    Raises:
        UserError: as ``read_records``.
    """
    return read_records(paths, ranking, problems)


def ranking(record: Record) -> Ranking:
    """The ranking of a record, whichever of the forms it has.

    Raises:
        BadRecord: it has none of them, or there is nothing in it to prefer.
    """
    value = record.value
    prompt = _prompt(value)
    if "responses" in value:
        groups = _groups(value["responses"])
    elif "chosen" in value and "rejected" in value:
        before, chosen = _answered(value, "chosen")
        as_well, rejected = _answered(value, "rejected")
        if before != as_well:
            raise BadRecord(
                tr(
                    "'chosen' and 'rejected' may differ in their last turn only",
                    "'chosen' e 'rejected' só podem diferir no último turno",
                )
            )
        prompt = _joined(prompt, before) if before else prompt
        groups = ((chosen,), (rejected,))
    else:
        fields = ", ".join(repr(key) for key in list(value)[:8])
        raise BadRecord(
            tr(
                f"neither 'chosen' and 'rejected', nor 'responses'; there are: {fields}",
                f"não há 'chosen' e 'rejected', nem 'responses'; há: {fields}",
            )
        )
    if not any(message.role != "system" for message in prompt):
        raise BadRecord(tr("there is no 'prompt'", "não há 'prompt'"))
    check_turns(prompt, to_answer=True)
    if prompt[-1].role == "user" and not prompt[-1].content.strip():
        raise BadRecord(tr("the prompt is empty", "o prompt está vazio"))
    _check_groups(groups)
    return Ranking(tuple(prompt), groups, record.source)


def _prompt(value: Mapping[str, Any]) -> list[Message]:
    """The turns to be answered, as far as they are told beside the answers."""
    if "prompt" in value:
        asked = value["prompt"]
        if isinstance(asked, str):
            return [*system(value), Message("user", content_of(asked, "'prompt'", "'prompt'"))]
        return system(value) + _turns(asked, "prompt")
    for field in ("conversations", "messages"):
        if field in value:
            return system(value) + turns(value, field)
    return alpaca_prompt(value) if "instruction" in value else system(value)


def _joined(prompt: list[Message], before: list[Message]) -> list[Message]:
    """The prompt of a record whose answers come with the turns before them; it may be told beside them too."""
    if all(message.role == "system" for message in prompt):
        return prompt + before
    short, long = sorted((prompt, before), key=len)
    if long[-len(short) :] != short:  # the longer has a system's turn more, or turns before the last question
        raise BadRecord(
            tr("the prompt is not what 'chosen' begins with", "o prompt não é o começo de 'chosen'"),
        )
    return long


def _answered(value: Mapping[str, Any], field: str) -> tuple[list[Message], str]:
    """The turns before the answer where ``field`` has them, and the answer."""
    found = value[field]
    if not isinstance(found, list):
        return [], _answer(found, f"'{field}'")
    *before, last = _turns(found, field)
    return before, _content(last, f"'{field}'")


def _groups(found: Any) -> tuple[Group, ...]:
    if not isinstance(found, list):
        raise BadRecord(tr("'responses' is not a list", "'responses' não é uma lista"))
    return tuple(
        tuple(
            _answer(answer, tr(f"'responses', rank {rank}", f"'responses', posição {rank}"))
            for answer in (group if isinstance(group, list) else [group])
        )
        for rank, group in enumerate(found, start=1)
        if group != []  # nothing is at that rank
    )


def _check_groups(groups: tuple[Group, ...]) -> None:
    """Refuse answers among which there is nothing to prefer, or that are both better and worse."""
    if sum(len(group) for group in groups) < 2:
        raise BadRecord(tr("fewer than two answers: nothing to compare", "menos de duas respostas: nada a comparar"))
    if len(groups) < 2:
        raise BadRecord(tr("all answers are tied: none is better", "todas as respostas empatam: nenhuma é melhor"))
    rank_of: dict[str, int] = {}
    for rank, group in enumerate(groups):
        for answer in group:
            if rank_of.setdefault(answer.strip(), rank) != rank:
                raise BadRecord(
                    tr(
                        f"the same answer is better and worse: {_short(answer)}",
                        f"a mesma resposta é a melhor e a pior: {_short(answer)}",
                    )
                )


def _answer(value: Any, where: str) -> str:
    """A text, or an assistant's turn."""
    if isinstance(value, dict):
        return _content(_turn(value, 1, where), where)
    text = content_of(value, where, where)
    return _content(Message("assistant", text), where)


def _content(message: Message, where: str) -> str:
    if message.role != "assistant" or message.calls:
        what = tr("a call of a tool", "uma chamada de ferramenta") if message.calls else repr(message.role)
        raise BadRecord(
            tr(
                f"{where}: the answer must be an assistant's text, and is {what}",
                f"{where}: a resposta deve ser um texto do assistente, e é {what}",
            )
        )
    if not message.content.strip():
        raise BadRecord(tr(f"{where}: the answer is empty", f"{where}: a resposta está vazia"))
    return message.content


def _turns(found: Any, field: str) -> list[Message]:
    if not isinstance(found, list) or not found:
        raise BadRecord(
            tr(
                f"'{field}' is neither a text nor a list with turns",
                f"'{field}' não é um texto nem uma lista de turnos",
            )
        )
    return [_turn(item, n, f"'{field}'") for n, item in enumerate(found, start=1)]


def _turn(item: Any, n: int, where: str) -> Message:
    try:
        return turn(item, n)
    except BadRecord as error:
        raise BadRecord(f"{where}: {error}") from error


def _short(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 40 else line[:39] + "…")
