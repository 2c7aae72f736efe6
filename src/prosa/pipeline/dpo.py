"""``prosa dpo``: a model and preferences -> one that prefers likewise, a Hugging Face folder in the run's ``dpo/``."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from prosa.align.dpo_config import DpoConfig
from prosa.align.judged import JudgedData
from prosa.align.lora import LoraConfig
from prosa.align.sft import answers
from prosa.core.files import read_json
from prosa.core.language import number, tr
from prosa.core.progress import progress, say, warn
from prosa.corpus.problems import Problems
from prosa.data.preferences import Ranking
from prosa.pipeline.preferences import check_preferences, preferences
from prosa.pipeline.run import BASE, DPO, RL, SFT, load
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
from prosa.pipeline.tuning import ANSWER_TOKENS, SAMPLES, Records, Tuned, adapted, begin, finish, or_none

if TYPE_CHECKING:
    from torch import Tensor

    from prosa.data.preference_batches import PreferenceBatches
    from prosa.models.gpt import GPT


@dataclass(frozen=True)
class Configuration:
    """What ``dpo/config.resolved.yaml`` holds."""

    model: str
    data: tuple[Path, ...]
    tasks: JudgedData
    dpo: DpoConfig
    lora: LoraConfig


def dpo(
    model: str,
    *,
    data: tuple[Path, ...] = (),
    tasks: JudgedData = JudgedData(),
    out: Path | None = None,
    dpo: DpoConfig = DpoConfig(),
    lora: LoraConfig = LoraConfig(),
    resume: Resume = "no",
    force: bool = False,
) -> Tuned:
    """Train a model on preferences: better answers become likelier than worse ones, and no reward model is needed.

    Args:
        model: A run (its fine-tuned model, else its base model), run:stage, or a model folder.
        data: Preferences, JSONL, JSON or Parquet: "prompt" with "chosen" and "rejected", or with "responses", the best
            first and ties as lists; also Hugging Face's and LLaMA-Factory's forms.
        tasks: Problems that the model answers several times, a checker judging: right above wrong.
        out: Run folder; the model goes to its dpo/ (default: the model's own run).
        dpo: The training.
        lora: Adapters in place of training all weights; they go to dpo/adapter, and merged to dpo/ itself.
        resume: auto goes on from the newest good checkpoint or begins; must (or no value) needs one.
        force: Replace a dpo/ that is there.

    Raises:
        UserError: no such model, its tokenizer has no chat tokens, no preferences or none that fits the context,
            ``out`` is taken, nothing to resume, changed data or start, training diverged.
        KeyboardInterrupt: after Ctrl-C, with a checkpoint saved.
    """
    check_wishes(resume, force)
    check_preferences(data, tasks)
    start = start_of(model, (SFT, BASE))
    source, folder = start.as_posix(), result_folder(model, start, out, DPO)
    asked = Configuration(source, data, tasks, dpo, lora)
    if is_done(folder, asked, resume):
        return Tuned(folder, read_json(folder / TRAINING))
    if resume != "no":
        check_same_start(folder, asked, ("model", "lora"))
    import torch

    from prosa.align.dpo import PreferenceLoss
    from prosa.align.validation import means
    from prosa.core.device import choose_device
    from prosa.data.preference_batches import PreferenceBatches, encode_rankings
    from prosa.models.huggingface import weights_fingerprint
    from prosa.tokenizers.chat import ChatEncoder
    from prosa.train.loop import fit

    network, tokenizer, _ = load(source)
    network.float()
    encoder, context = ChatEncoder(tokenizer), network.config.context
    problems = Problems()
    rankings = preferences(data, tasks, network, encoder, dpo.device, problems)
    records = Records.divided(rankings, problems, dpo.held_out)

    def batches(chosen: Sequence[Ranking], size: int = dpo.batch_size) -> PreferenceBatches:
        encoded = encode_rankings(encoder, chosen)
        return PreferenceBatches(encoded, context=context, batch_size=size, seed=dpo.seed)

    train = batches(records.learnt)
    measured = or_none(lambda chosen: batches(chosen, dpo.micro_batch or dpo.batch_size), records.to_measure)
    _tell(records, train, measured)
    began_with = weights_fingerprint(network)
    begin(folder, asked, resume, force=force, inputs=data, later=(RL,))
    network.to(choose_device(dpo.device))
    objective = PreferenceLoss(_reference(network, train, dpo), dpo)
    on_held_out = PreferenceLoss(_reference(network, measured, dpo), dpo) if measured else None
    torch.manual_seed(dpo.seed)
    trained = adapted(network, lora)
    prompts = [r.prompt for r in {r.asked: r for r in records.held_out}.values()]
    prompts = [prompt for prompt in prompts[:SAMPLES] if len(encoder.prompt(prompt)) < context]
    result = fit(
        network,
        objective,
        train,
        dpo,
        folder,
        resume=resume != "no",
        data_fingerprint=f"{train.fingerprint};reference={began_with}",
        validate=means(on_held_out, measured, "pairs") if on_held_out and measured else None,
        sample=answers(encoder, prompts, ANSWER_TOKENS) if prompts else None,
    )
    return finish(
        folder,
        network,
        tokenizer,
        result,
        settled=replace(asked, dpo=settled(dpo, result)),
        lora=lora,
        base=source,
        figures={
            "trained_parameters": trained,
            "epochs": result.steps / train.steps_per_epoch,
            "data": records.figures(train.fit, measured.fit.rankings if measured else 0),
        },
    )


def _reference(network: "GPT", batches: "PreferenceBatches", config: DpoConfig) -> "Tensor":
    """What the model thinks of every answer before it is trained: computed once, so that it need not be kept beside."""
    import torch

    from prosa.align.dpo import reference_log_probs

    found = []
    rankings = tr("rankings", "preferências")
    with progress(tr("reference", "referência"), batches.fit.rankings, rankings) as bar:
        for piece in reference_log_probs(network, batches, config.loss_chunk):
            found.append(piece)
            bar.advance(len(piece))
    return torch.cat(found)


def _tell(records: Records[Ranking], train: "PreferenceBatches", measured: "PreferenceBatches | None") -> None:
    fit, held_out = train.fit, measured.fit.rankings if measured else 0
    say(
        tr(
            f"preferences: {number(records.read)} read, {number(records.problems.count)} bad; "
            f"{number(fit.rankings)} to learn from with {number(fit.pairs)} pairs, {number(held_out)} to measure on",
            f"preferências: {number(records.read)} lidas, {number(records.problems.count)} ruins; "
            f"{number(fit.rankings)} para aprender com {number(fit.pairs)} pares, {number(held_out)} para medir",
        )
    )
    if fit.dropped or fit.cut:
        warn(
            tr(
                f"answers that do not fit the context of {train.context} tokens with their prompt are left out: "
                f"{number(fit.dropped)} preferences for want of a pair; {number(fit.cut)} more lost an answer.",
                f"respostas que, com a pergunta, não cabem no contexto de {train.context} tokens ficam de fora: "
                f"{number(fit.dropped)} preferências por falta de um par; outras {number(fit.cut)} perderam respostas.",
            )
        )
    say(
        tr(
            f"tokens: {number(fit.tokens)}, {number(fit.targets)} of them the answers'; {fit.padding:.0%} padding",
            f"tokens: {number(fit.tokens)}, {number(fit.targets)} deles das respostas; "
            f"{fit.padding:.0%} de preenchimento",
        )
    )
