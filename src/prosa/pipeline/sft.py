"""``prosa sft``: a model and conversations -> an assistant, a Hugging Face folder in the run's ``sft/``."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prosa.align.demonstrations import TaskData, announce_some, demonstrations
from prosa.align.lora import LoraConfig
from prosa.align.sft import SftConfig, answers, validator
from prosa.core.errors import UserError
from prosa.core.files import read_json
from prosa.core.language import number, tr
from prosa.core.progress import say
from prosa.corpus.problems import Problems
from prosa.data.conversations import Conversation, read_conversations
from prosa.pipeline.run import AFTER_SFT, BASE, SFT, load
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


@dataclass(frozen=True)
class Configuration:
    """What ``sft/config.resolved.yaml`` holds."""

    model: str
    data: tuple[Path, ...]
    tasks: TaskData
    sft: SftConfig
    lora: LoraConfig


def sft(
    model: str,
    *,
    data: tuple[Path, ...] = (),
    tasks: TaskData = TaskData(),
    out: Path | None = None,
    sft: SftConfig = SftConfig(),
    lora: LoraConfig = LoraConfig(),
    resume: Resume = "no",
    force: bool = False,
) -> Tuned:
    """Fine-tune a model on conversations: it learns to write the assistant's turns.

    Args:
        model: A run (its base model, or its newest before this stage), run:stage, or a model folder.
        data: Conversations, JSONL, JSON or Parquet: "messages", Alpaca or ShareGPT form,
            or "prompt" and "completion", or "question" and "answer".
        tasks: Problems with verifiable answers, shown beside them.
        out: Run folder; the model goes to its sft/ (default: the model's own run).
        sft: The training. Its rates suit small models made here; for a large one from elsewhere, try
            --sft.optimizer adamw --sft.lr 2e-5 --sft.embedding-lr 0
        lora: Adapters in place of training all weights; they go to sft/adapter, and merged to sft/ itself.
        resume: auto goes on from the newest good checkpoint or begins; must (or no value) needs one.
        force: Replace an sft/ that is there.

    Raises:
        UserError: no such model, its tokenizer has no chat tokens, no conversations or nothing to learn in them,
            ``out`` is taken, nothing to resume, changed data, training diverged.
        KeyboardInterrupt: after Ctrl-C, with a checkpoint saved.
    """
    check_wishes(resume, force)
    if not data and not tasks.names:
        raise UserError(
            tr("no conversations given.", "nenhuma conversa foi dada."),
            tr(
                "Give --data FILE, or --tasks.names TASK ...",
                "Dê --data ARQUIVO, ou --tasks.names TAREFA ...",
            ),
        )
    start = start_of(model, (BASE,))
    source, folder = start.as_posix(), result_folder(model, start, out, SFT)
    asked = Configuration(source, data, tasks, sft, lora)
    if is_done(folder, asked, resume):
        return Tuned(folder, read_json(folder / TRAINING))
    if resume != "no":
        check_same_start(folder, asked, ("model", "lora"))
    import torch

    from prosa.data.conversation_batches import ConversationBatches
    from prosa.tokenizers.chat import ChatEncoder
    from prosa.train.loop import fit
    from prosa.train.objectives import NextToken

    network, tokenizer, _ = load(source)
    network.float()
    encoder, context = ChatEncoder(tokenizer), network.config.context
    problems = Problems()
    conversations = list(read_conversations(data, problems)) if data else []
    records = Records.divided([*announce_some(conversations, tasks), *demonstrations(tasks)], problems, sft.held_out)

    def batches(chosen: Sequence[Conversation], size: int = sft.batch_size) -> ConversationBatches:
        encoded = encoder.encode_batch([c.messages for c in chosen])
        return ConversationBatches(encoded, context=context, batch_size=size, seed=sft.seed, pack=sft.pack)

    train = batches(records.learnt)
    measured = or_none(lambda chosen: batches(chosen, sft.micro_batch or sft.batch_size), records.to_measure)
    _tell(records.read, problems.count, train)
    begin(folder, asked, resume, force=force, inputs=data, later=AFTER_SFT)
    torch.manual_seed(sft.seed)
    trained = adapted(network, lora)
    prompts = [c.messages[: _first_answer(c)] for c in records.held_out[:SAMPLES]]
    prompts = [prompt for prompt in prompts if len(encoder.prompt(prompt)) < context]
    result = fit(
        network,
        NextToken(sft.loss_chunk),
        train,
        sft,
        folder,
        resume=resume != "no",
        data_fingerprint=train.fingerprint,
        validate=validator(measured, sft) if measured else None,
        sample=answers(encoder, prompts, ANSWER_TOKENS) if prompts else None,
    )
    return finish(
        folder,
        network,
        tokenizer,
        result,
        settled=replace(asked, sft=settled(sft, result)),
        lora=lora,
        base=source,
        figures={
            "trained_parameters": trained,
            "epochs": result.steps / train.steps_per_epoch,
            "data": {
                **records.figures(train.fit, measured.fit.conversations if measured else 0),
                "calls": sum(any(m.calls for m in c.messages) for c in records.learnt),
            },
        },
    )


def _first_answer(conversation: Conversation) -> int:
    return next(n for n, message in enumerate(conversation.messages) if message.role == "assistant")


def _tell(read: int, bad: int, train: Any) -> None:
    fit = train.fit
    say(
        tr(
            f"conversations: {number(read)} read, {number(bad)} bad, {number(fit.conversations)} to learn from "
            f"({number(fit.cut)} cut at the context of {train.context}, {number(fit.dropped)} without an answer in it)",
            f"conversas: {number(read)} lidas, {number(bad)} ruins, {number(fit.conversations)} para aprender "
            f"({number(fit.cut)} cortadas no contexto de {train.context}, {number(fit.dropped)} sem resposta dentro)",
        )
    )
    say(
        tr(
            f"rows: {number(fit.rows)} of {train.context} tokens, {fit.padding:.0%} padding; "
            f"{number(fit.targets)} of {number(fit.tokens)} tokens are the assistant's",
            f"linhas: {number(fit.rows)} de {train.context} tokens, {fit.padding:.0%} de preenchimento; "
            f"{number(fit.targets)} de {number(fit.tokens)} tokens são do assistente",
        )
    )
