"""``prosa sft``: a model and conversations -> an assistant, a Hugging Face folder in the run's ``sft/``."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from prosa.align.demonstrations import TaskData, demonstrations
from prosa.align.lora import LoraConfig
from prosa.align.sft import SftConfig, answers, divide, validator
from prosa.core.config import write_yaml
from prosa.core.errors import UserError
from prosa.core.files import mark_complete, read_json, write_json, write_text
from prosa.core.language import number, tr
from prosa.core.progress import say, warn
from prosa.corpus.problems import Problems
from prosa.data.conversations import Conversation, read_conversations
from prosa.pipeline.run import BASE, SFT, load
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

MEASURED = 500  # held-out conversations: enough for a curve
SAMPLES = 4  # held-out prompts that are answered during the training
ANSWER_TOKENS = 120
ADAPTER = "adapter"


@dataclass(frozen=True)
class Configuration:
    """What ``sft/config.resolved.yaml`` holds."""

    model: str
    data: tuple[Path, ...]
    tasks: TaskData
    sft: SftConfig
    lora: LoraConfig


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuned model."""

    folder: Path
    figures: dict[str, Any]  # data, steps, tokens, seconds, the last train and validation lines of metrics.jsonl

    def to_json(self) -> dict[str, Any]:
        """Folder and figures."""
        return {"folder": str(self.folder), **self.figures}


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
) -> FineTuned:
    """Fine-tune a model on conversations: it learns to write the assistant's turns.

    Args:
        model: A run (its base model, or its newest before this stage), run:stage, or a model folder.
        data: Conversations, JSONL, JSON or Parquet: "messages", Alpaca or ShareGPT form.
        tasks: Problems with verifiable answers, shown beside them.
        out: Run folder; the model goes to its sft/ (default: the model's own run).
        sft: The training.
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
        return FineTuned(folder, read_json(folder / TRAINING))
    if resume != "no":
        check_same_start(folder, asked, ("model", "lora"))
    import torch

    from prosa.align.adapter import save_adapter
    from prosa.align.lora import add_adapters, merge
    from prosa.core.environment import environment
    from prosa.data.conversation_batches import ConversationBatches
    from prosa.models.huggingface import save_model
    from prosa.tokenizers.chat import ChatEncoder
    from prosa.train.loop import fit
    from prosa.train.objectives import NextToken

    network, tokenizer, _ = load(source)
    network.float()
    encoder = ChatEncoder(tokenizer)
    problems = Problems()
    conversations = list(read_conversations(data, problems)) if data else []
    for problem in problems.named[:3]:
        warn(tr(f"left out: {problem.source}: {problem.why}", f"deixado de fora: {problem.source}: {problem.why}"))
    conversations += demonstrations(tasks)
    learnt, held_out = divide(conversations, sft.held_out)
    if not learnt:
        raise UserError(
            tr("all conversations are held out.", "todas as conversas ficaram de fora do treino."),
            tr("Lower sft.held_out, or give more.", "Diminua sft.held_out, ou dê mais conversas."),
        )
    context = network.config.context

    def batches(chosen: list[Conversation], size: int = sft.batch_size) -> ConversationBatches:
        encoded = encoder.encode_batch([c.messages for c in chosen])
        return ConversationBatches(encoded, context=context, batch_size=size, seed=sft.seed, pack=sft.pack)

    train = batches(learnt)
    measured = _or_none(lambda chosen: batches(chosen, sft.micro_batch or sft.batch_size), held_out[:MEASURED])
    _tell(len(conversations), problems.count, train)
    claim_stage(folder, resume, force=force, inputs=list(data))
    if not (folder / RESOLVED).is_file():
        write_text(folder / RESOLVED, write_yaml(asked))
        write_json(folder / "env.json", environment())
    torch.manual_seed(sft.seed)
    trained = add_adapters(network, lora) if lora.rank else sum(p.numel() for p in network.parameters())
    prompts = [c.messages[: _first_answer(c)] for c in held_out[:SAMPLES]]
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
    figures = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "trained_parameters": trained,
        "steps": result.steps,
        "tokens": result.tokens,
        "seconds": result.seconds,
        "epochs": result.steps / train.steps_per_epoch,
        "data": {
            "read": len(conversations),
            "bad": problems.count,
            "calls": sum(any(m.calls for m in c.messages) for c in conversations),
            "problems": [f"{p.source}: {p.why}" for p in problems.named],
            "held_out": len(held_out),
            "measured": min(len(held_out), MEASURED),
            **asdict(train.fit),
        },
        "train": result.train,
        "validation": result.validation,
    }
    network.cpu()
    if lora.rank:
        save_adapter(network, folder / ADAPTER, base=source, dropout=lora.dropout)
        merge(network)
    save_model(network, folder, tokenizer=tokenizer)
    write_text(folder / RESOLVED, write_yaml(replace(asked, sft=settled(sft, result))))
    write_json(folder / TRAINING, figures)
    mark_complete(folder)
    return FineTuned(folder, figures)


def _or_none(batches: Any, conversations: list[Conversation]) -> Any:
    """The batches of held-out conversations; None where none of them has anything to be measured on."""
    try:
        return batches(conversations) if conversations else None
    except UserError:
        return None


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
