"""``prosa reward``: a model and preferences -> a reward model, a Hugging Face folder in the run's ``reward/``."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from prosa.align.reward import LABEL, PairwiseLoss, RewardConfig, validator
from prosa.align.reward_quality import quality, score_batches
from prosa.core.config import write_yaml
from prosa.core.errors import UserError
from prosa.core.files import mark_complete, read_json, write_json, write_text
from prosa.core.language import number, tr
from prosa.core.progress import say, warn
from prosa.corpus.problems import Problems
from prosa.data.division import divide
from prosa.data.preferences import Ranking, read_rankings
from prosa.pipeline.run import BASE, REWARD, SFT, load
from prosa.pipeline.stage import (
    RESOLVED,
    TRAINING,
    Resume,
    check_same_start,
    check_wishes,
    claim_stage,
    is_done,
    result_folder,
    settled,
    start_of,
)

MEASURED = 500  # held-out rankings during the training: enough for a curve


@dataclass(frozen=True)
class Configuration:
    """What ``reward/config.resolved.yaml`` holds."""

    model: str
    data: tuple[Path, ...]
    reward: RewardConfig


@dataclass(frozen=True)
class Rewarded:
    """A reward model."""

    folder: Path
    figures: dict[str, Any]  # data, steps, tokens, seconds, shift, the last lines of metrics.jsonl, held_out: quality

    def to_json(self) -> dict[str, Any]:
        """Folder and figures."""
        return {"folder": str(self.folder), **self.figures}


def reward(
    model: str,
    *,
    data: tuple[Path, ...],
    out: Path | None = None,
    reward: RewardConfig = RewardConfig(),
    resume: Resume = "no",
    force: bool = False,
) -> Rewarded:
    """Train a reward model on preferences: it learns to score an answer as people would.

    Args:
        model: A run (its sft, else its base model), run:stage, or a model folder.
        data: Preferences, JSONL, JSON or Parquet: {prompt, chosen, rejected}, or {prompt, responses: the best first,
            ties as lists}.
        out: Run folder; the model goes to its reward/ (default: the model's own run).
        reward: The training.
        resume: auto goes on from the newest good checkpoint or begins; must (or no value) needs one.
        force: Replace a reward/ that is there.

    Raises:
        UserError: no such model, its tokenizer has no chat tokens, no preferences or nothing to learn in them, ``out``
            is taken, nothing to resume, changed data, training diverged.
        KeyboardInterrupt: after Ctrl-C, with a checkpoint saved.
    """
    check_wishes(resume, force)
    start = start_of(model, (SFT, BASE))
    source, folder = start.as_posix(), result_folder(model, start, out, REWARD)
    asked = Configuration(source, data, reward)
    if is_done(folder, asked, resume):
        return Rewarded(folder, read_json(folder / TRAINING))
    if resume != "no":
        check_same_start(folder, asked, ("model",))
    import torch

    from prosa.core.environment import environment
    from prosa.data.preference_batches import PreferenceBatches, encode_rankings
    from prosa.models.huggingface_scored import save_scored
    from prosa.models.scored import ScoredGPT
    from prosa.tokenizers.chat import ChatEncoder
    from prosa.train.loop import fit

    backbone, tokenizer, _ = load(source)
    encoder = ChatEncoder(tokenizer)
    problems = Problems()
    rankings = list(read_rankings(data, problems))
    for problem in problems.named[:3]:
        warn(tr(f"left out: {problem.source}: {problem.why}", f"deixado de fora: {problem.source}: {problem.why}"))
    learnt, held_out = divide(rankings, reward.held_out)
    if not learnt:
        raise UserError(
            tr("all rankings are held out.", "todas as preferências ficaram de fora do treino."),
            tr("Lower reward.held_out, or give more.", "Diminua reward.held_out, ou dê mais preferências."),
        )
    context = backbone.config.context

    def batches(chosen: list[Ranking]) -> PreferenceBatches:
        encoded = encode_rankings(encoder, chosen)
        return PreferenceBatches(encoded, context=context, batch_size=reward.batch_size, seed=reward.seed)

    train = batches(learnt)
    measured = _or_none(batches, held_out)
    _tell(len(rankings), problems.count, train)
    claim_stage(folder, resume, force=force, inputs=list(data))
    if not (folder / RESOLVED).is_file():
        write_text(folder / RESOLVED, write_yaml(asked))
        write_json(folder / "env.json", environment())
    torch.manual_seed(reward.seed)
    network = ScoredGPT(backbone.float(), (LABEL,), bias=True)
    network.score.bias.requires_grad_(False)  # differences do not depend on it
    part = _or_none(batches, held_out[:MEASURED])
    result = fit(
        network,
        PairwiseLoss(),
        train,
        reward,
        folder,
        resume=resume != "no",
        data_fingerprint=train.fingerprint,
        validate=validator(part.once()) if part else None,
    )
    scored = score_batches(network, (measured or train).once())
    shift = -sum(sum(s.rewards) for s in scored) / sum(len(s.rewards) for s in scored)
    with torch.no_grad():
        network.score.bias.fill_(shift)
    figures = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "steps": result.steps,
        "tokens": result.tokens,
        "seconds": result.seconds,
        "epochs": result.steps / train.steps_per_epoch,
        "data": {
            "read": len(rankings),
            "bad": problems.count,
            "problems": [f"{p.source}: {p.why}" for p in problems.named],
            "held_out": len(held_out),
            **asdict(train.fit),
        },
        "shift": shift,
        "train": result.train,
        "validation": result.validation,
        "held_out": quality(scored).to_json() if measured else None,
    }
    network.cpu()
    save_scored(network, folder, tokenizer=tokenizer)
    write_text(folder / RESOLVED, write_yaml(replace(asked, reward=settled(reward, result))))
    write_json(folder / TRAINING, figures)
    mark_complete(folder)
    return Rewarded(folder, figures)


def _or_none(batches: Any, rankings: list[Ranking]) -> Any:
    """The batches of held-out rankings; None where none of them can be measured on."""
    try:
        return batches(rankings) if rankings else None
    except UserError:
        return None


def _tell(read: int, bad: int, train: Any) -> None:
    fit = train.fit
    say(
        tr(
            f"rankings: {number(read)} read, {number(bad)} bad, {number(fit.rankings)} to learn from, with "
            f"{number(fit.pairs)} pairs ({number(fit.cut)} without the answers that are longer than the context of "
            f"{train.context}, {number(fit.dropped)} dropped for it)",
            f"preferências: {number(read)} lidas, {number(bad)} ruins, {number(fit.rankings)} para aprender, com "
            f"{number(fit.pairs)} pares ({number(fit.cut)} sem as respostas maiores que o contexto de {train.context}, "
            f"{number(fit.dropped)} descartadas por isso)",
        )
    )
