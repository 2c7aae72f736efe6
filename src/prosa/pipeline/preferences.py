"""What a reward model and DPO learn from: preferences in files, and those that checkers make of a model's answers."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prosa.align.judged import JudgedData, judged_rankings
from prosa.core.device import DeviceName
from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.core.progress import say
from prosa.corpus.problems import Problems
from prosa.data.preferences import Ranking, read_rankings

if TYPE_CHECKING:
    from prosa.models.gpt import GPT
    from prosa.tokenizers.chat import ChatEncoder


def check_preferences(data: Sequence[Path], tasks: JudgedData) -> None:
    """Refuse to learn from nothing.

    Raises:
        UserError: neither files nor tasks are given.
    """
    if not data and not tasks.names:
        raise UserError(
            tr("no preferences given.", "nenhuma preferência foi dada."),
            tr("Give --data FILE, or --tasks.names TASK ...", "Dê --data ARQUIVO, ou --tasks.names TAREFA ..."),
        )


def preferences(
    data: Sequence[Path],
    tasks: JudgedData,
    network: "GPT",
    encoder: "ChatEncoder",
    device: DeviceName,
    problems: Problems,
) -> list[Ranking]:
    """The preferences of files, then those of tasks, which ``network`` answers now; what is bad goes to ``problems``.

    The answers are a function of the weights and of ``tasks.seed``, so that resuming finds the same.

    Raises:
        UserError: as ``read_rankings`` and ``judged_rankings``; no task gave a preference, and there are no files.
    """
    found = list(read_rankings(data, problems)) if data else []
    if tasks.names:
        from prosa.generate.engine import Engine

        say(tr("answering problems, to be judged ...", "respondendo problemas, para julgar ..."))
        engine = Engine(network, encoder.tokenizer, device=device, precision="float32")
        judged = judged_rankings(engine, encoder, tasks)
        network.cpu()
        asked = number(len(tasks.names) * len(tasks.languages) * tasks.problems)
        say(
            tr(
                f"judged: {number(len(judged))} of at most {asked} problems have a wrong answer to learn from",
                f"julgados: {number(len(judged))} de no máximo {asked} problemas têm uma resposta errada para aprender",
            )
        )
        found += judged
    if not found and not problems.count:
        raise UserError(
            tr("every answer was right: there is nothing to prefer.", "todas as respostas estão certas."),
            tr("Choose harder tasks, or more problems.", "Escolha tarefas mais difíceis, ou mais problemas."),
        )
    return found
