"""``prosa probe``: what a model does that no task marks as right or wrong."""

from pathlib import Path

from prosa.core.device import DeviceName
from prosa.core.errors import UserError
from prosa.core.language import Lang, tr
from prosa.core.progress import progress
from prosa.evaluate.probes import agreement as agreeing
from prosa.evaluate.probes import self_correction as correcting
from prosa.evaluate.probes.agreement import Agreement
from prosa.evaluate.probes.self_correction import SelfCorrection
from prosa.evaluate.probes.shipped import rows
from prosa.generate.sampling import Sampling
from prosa.pipeline.tasks import FormChoice, load_answerer

MOST = 50  # times that a question is asked


def agreement(
    model: str,
    *,
    questions: Path | None = None,
    times: int = 10,
    temperature: float = 0.8,
    language: Lang = "pt-BR",
    max_tokens: int = 40,
    form: FormChoice = "auto",
    seed: int = 0,
    device: DeviceName = "auto",
) -> Agreement:
    """Ask the same questions several times: how much do the answers agree?

    Args:
        model: A run (its newest model), run:stage, or a model folder.
        questions: Your own, one a line (default: 30 that ship).
        times: How often each is asked.
        temperature: Of the answers; at 0 all are the same.
        language: Of the questions that ship.
        max_tokens: The most of an answer.
        form: chat or plain text; auto looks what the model was tuned for.
        seed: Of the answers and the intervals.
        device: Where to compute.

    Raises:
        UserError: no such model or file, no question in it, or a question longer than the context.
    """
    if not 2 <= times <= MOST:
        raise UserError(tr(f"--times is {times}, must be 2 to {MOST}.", f"--times é {times}, deve ser de 2 a {MOST}."))
    asked = [row["question"] for row in rows("questions", language)] if questions is None else _lines(questions)
    answerer, folder = load_answerer(model, form=form, device=device)
    with progress(tr("asking", "perguntando"), len(asked), tr("questions", "perguntas")) as bar:
        return agreeing.agreement(
            answerer,
            asked,
            model=str(folder),
            times=times,
            sampling=Sampling(temperature=temperature, seed=seed),
            max_tokens=max_tokens,
            bar=bar,
        )


def self_correction(
    model: str,
    *,
    language: Lang | None = None,
    max_tokens: int = 24,
    form: FormChoice = "auto",
    seed: int = 0,
    device: DeviceName = "auto",
) -> SelfCorrection:
    """Ask questions that cannot be answered without a stereotype, without and with the request not to use any.

    Args:
        model: A run (its newest model), run:stage, or a model folder.
        language: Of the questions (default: Portuguese and English).
        max_tokens: The most of an answer.
        form: chat or plain text; auto looks what the model was tuned for.
        seed: Of the intervals.
        device: Where to compute.

    Raises:
        UserError: no such model, or a context too short for the questions.
    """
    asked = correcting.items(language)
    answerer, folder = load_answerer(model, form=form, device=device)
    with progress(tr("asking", "perguntando"), 2 * len(asked), tr("questions", "perguntas")) as bar:
        return correcting.self_correction(answerer, asked, model=str(folder), max_tokens=max_tokens, seed=seed, bar=bar)


def _lines(path: Path) -> list[str]:
    try:
        found = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise UserError(
            tr(f"{path} is not UTF-8: {error}", f"{path} não é UTF-8: {error}"),
            tr("Convert it first.", "Converta-o antes."),
        ) from error
    if not found:
        raise UserError(
            tr(f"{path} has no question.", f"{path} não tem nenhuma pergunta."),
            tr("Write one a line.", "Escreva uma por linha."),
        )
    return found
