"""``prosa reward``: a model and preferences -> a reward model, a Hugging Face folder in the run's ``reward/``."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prosa.align.judged import JudgedData
from prosa.align.reward import LABEL, PairwiseLoss, RewardConfig
from prosa.align.reward_quality import quality, score_batches
from prosa.core.files import read_json
from prosa.core.language import number, tr
from prosa.core.progress import say
from prosa.corpus.problems import Problems
from prosa.data.preferences import Ranking
from prosa.pipeline.preferences import check_preferences, preferences
from prosa.pipeline.run import BASE, REWARD, SFT, load
from prosa.pipeline.stage import (
    TRAINING,
    Resume,
    check_same_start,
    check_wishes,
    is_done,
    result_folder,
    settled,
    start_of,
)
from prosa.pipeline.tuning import Records, Tuned, begin, complete, or_none


@dataclass(frozen=True)
class Configuration:
    """What ``reward/config.resolved.yaml`` holds."""

    model: str
    data: tuple[Path, ...]
    tasks: JudgedData
    reward: RewardConfig


def reward(
    model: str,
    *,
    data: tuple[Path, ...] = (),
    tasks: JudgedData = JudgedData(),
    out: Path | None = None,
    reward: RewardConfig = RewardConfig(),
    resume: Resume = "no",
    force: bool = False,
) -> Tuned:
    """Train a reward model on preferences: it learns to score an answer as people would.

    Args:
        model: A run (its sft, else its base model), run:stage, or a model folder.
        data: Preferences, JSONL, JSON or Parquet: {prompt, chosen, rejected}, or {prompt, responses: the best first,
            ties as lists}.
        tasks: Problems that the model answers several times, a checker judging: right above wrong.
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
    check_preferences(data, tasks)
    start = start_of(model, (SFT, BASE))
    source, folder = start.as_posix(), result_folder(model, start, out, REWARD)
    asked = Configuration(source, data, tasks, reward)
    if is_done(folder, asked, resume):
        return Tuned(folder, read_json(folder / TRAINING))
    if resume != "no":
        check_same_start(folder, asked, ("model",))
    import torch

    from prosa.align.validation import means
    from prosa.data.preference_batches import PreferenceBatches, encode_rankings
    from prosa.models.huggingface_scored import save_scored
    from prosa.models.scored import ScoredGPT
    from prosa.tokenizers.chat import ChatEncoder
    from prosa.train.loop import fit

    backbone, tokenizer, _ = load(source)
    encoder, context = ChatEncoder(tokenizer), backbone.config.context
    problems = Problems()
    rankings = preferences(data, tasks, backbone, encoder, reward.device, problems)
    records = Records.divided(rankings, problems, reward.held_out)

    def batches(chosen: Sequence[Ranking], size: int = reward.batch_size) -> PreferenceBatches:
        encoded = encode_rankings(encoder, chosen)
        return PreferenceBatches(encoded, context=context, batch_size=size, seed=reward.seed)

    train = batches(records.learnt)
    size = reward.micro_batch or reward.batch_size
    held_out, measured = (or_none(lambda r: batches(r, size), r) for r in (records.held_out, records.to_measure))
    _tell(records.read, problems.count, train)
    begin(folder, asked, resume, force=force, inputs=data, later=())
    torch.manual_seed(reward.seed)
    network = ScoredGPT(backbone.float(), (LABEL,), bias=True)
    network.score.bias.requires_grad_(False)  # differences do not depend on it
    result = fit(
        network,
        PairwiseLoss(),
        train,
        reward,
        folder,
        resume=resume != "no",
        data_fingerprint=train.fingerprint,
        validate=means(PairwiseLoss(), measured, "rankings") if measured else None,
    )
    scored = score_batches(network, (held_out or train).once())
    shift = -sum(sum(s.rewards) for s in scored) / sum(len(s.rewards) for s in scored)
    with torch.no_grad():
        network.score.bias.fill_(shift)
    save_scored(network.cpu(), folder, tokenizer=tokenizer)
    return complete(
        folder,
        result,
        settled=replace(asked, reward=settled(reward, result)),
        figures={
            "parameters": sum(p.numel() for p in network.parameters()),
            "epochs": result.steps / train.steps_per_epoch,
            "data": records.figures(train.fit, measured.fit.rankings if measured else 0),
            "shift": shift,
            "held_out": quality(scored).to_json() if held_out else None,
        },
    )


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
