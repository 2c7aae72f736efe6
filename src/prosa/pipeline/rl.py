"""``prosa rl``: an assistant, prompts and what their answers are worth -> a better one, in the run's ``rl/``."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prosa.align.rl_config import GrpoConfig, Method, PpoConfig, RlConfig
from prosa.core.config import to_mapping, write_yaml
from prosa.core.device import DeviceName
from prosa.core.errors import UserError
from prosa.core.files import is_complete, mark_complete, read_json, sha256, write_json, write_text
from prosa.core.language import Lang, number, tr
from prosa.core.progress import say, warn
from prosa.corpus.problems import Problems
from prosa.pipeline.run import DPO, REWARD, RL, SFT, load
from prosa.pipeline.stage import (
    RESOLVED,
    TRAINING,
    Resume,
    check_same_start,
    check_wishes,
    claim_stage,
    is_done,
    result_folder,
    start_of,
)

if TYPE_CHECKING:
    from prosa.align.prompts import Asked, Prompts
    from prosa.align.rewards import Reward
    from prosa.generate.tools import Toolbox
    from prosa.tokenizers.chat import ChatEncoder
    from prosa.tokenizers.protocol import Tokenizer

ROOM = 16  # tokens that a prompt leaves for its reply, where replies may be so long


@dataclass(frozen=True)
class Configuration:
    """What ``rl/config.resolved.yaml`` holds."""

    model: str
    method: Method
    tasks: tuple[str, ...]
    languages: tuple[Lang, ...]
    data: tuple[Path, ...]
    reward: str | None
    tools: bool
    rl: RlConfig
    grpo: GrpoConfig
    ppo: PpoConfig


@dataclass(frozen=True)
class Reinforced:
    """A model that learnt from rewards."""

    folder: Path
    figures: dict[str, Any]  # prompts, reward, steps, tokens, seconds, the last train and validation lines, the first

    def to_json(self) -> dict[str, Any]:
        """Folder and figures."""
        return {"folder": str(self.folder), **self.figures}


def rl(
    model: str,
    *,
    method: Method = "grpo",
    tasks: tuple[str, ...] = (),
    languages: tuple[Lang, ...] = ("pt-BR",),
    data: tuple[Path, ...] = (),
    reward: Path | None = None,
    tools: bool = False,
    out: Path | None = None,
    rl: RlConfig = RlConfig(),
    grpo: GrpoConfig = GrpoConfig(),
    ppo: PpoConfig = PpoConfig(),
    resume: Resume = "no",
    force: bool = False,
) -> Reinforced:
    """Let a model learn from the rewards of its own replies.

    A reply is worth what a verifier says, where its prompt has a known answer (problems of tasks, lines with "answer"),
    and what a reward model says, where there is one: --reward, or the run's own.

    Args:
        model: A run (its newest of dpo and sft), run:stage, or a model folder.
        method: grpo compares replies to the same prompt; ppo learns to predict the reward.
        tasks: Tasks whose training problems are asked: plurals letter-count 2D+ ... (see prosa evaluate --tasks).
        languages: Languages of the problems; a task that has not one of them is left out there.
        data: Prompts, JSONL, JSON or Parquet: {"prompt": "..."} or {"messages": [...]}, perhaps with "answer";
            or GSM8K's {"question", "answer": "... #### 72"}.
        reward: Folder of a reward model (default: the run's reward/, if it is there).
        tools: Replies may call the calculator and the date tools.
        out: Run folder; the model goes to its rl/ (default: the model's own run).
        rl: The training.
        grpo: The method, with --method grpo.
        ppo: The method, with --method ppo.
        resume: auto goes on from the newest good checkpoint or begins; must (or no value) needs one.
        force: Replace an rl/ that is there.

    Raises:
        UserError: no such model or task, its tokenizer has no chat tokens, no prompts, nothing that tells what a reply
            is worth, a reward model of another tokenizer, ``out`` is taken, nothing to resume, the model runs away.
        KeyboardInterrupt: after Ctrl-C, with a checkpoint saved.
    """
    check_wishes(resume, force)
    _check_group(method, rl)
    start = start_of(model, (DPO, SFT))
    source, folder = start.as_posix(), result_folder(model, start, out, RL)
    judge = _reward_folder(reward, start, folder)
    asked = Configuration(source, method, tasks, languages, data, judge, tools, rl, grpo, ppo)
    if is_done(folder, asked, resume):
        return Reinforced(folder, read_json(folder / TRAINING))
    if resume != "no":
        check_same_start(folder, asked, ("model", "method", "tasks", "languages", "data", "reward", "tools"))
    import torch

    from prosa.align.grpo import Grpo
    from prosa.align.iteration import World
    from prosa.align.policy import Writer
    from prosa.align.ppo import ActorCritic, Ppo
    from prosa.align.rl import learn
    from prosa.core.device import choose_device
    from prosa.core.environment import environment
    from prosa.generate.tools import Toolbox, builtin_tools
    from prosa.models.huggingface import load_model, save_model
    from prosa.tokenizers.chat import ChatEncoder

    policy, tokenizer, _ = load(source)
    policy.float()
    encoder = ChatEncoder(tokenizer)
    problems = Problems()
    toolbox = Toolbox(builtin_tools("en" if languages[:1] == ("en",) else "pt")) if tools else None
    prompts = _prompts(asked, encoder, policy.config.context, toolbox, problems)
    worth = _reward(asked, tokenizer, prompts)
    claim_stage(folder, resume, force=force, inputs=list(data))
    if not (folder / "env.json").is_file():
        write_text(folder / RESOLVED, write_yaml(asked))
        write_json(folder / "env.json", environment())
    device = choose_device(rl.device)
    torch.manual_seed(rl.seed)
    vocabulary = tokenizer.vocab_size
    reference = load_model(start).float().to(device)
    learner = (
        Grpo(Writer(policy, vocabulary).to(device), grpo, group=rl.group, max_tokens=rl.max_tokens)
        if method == "grpo"
        else Ppo(ActorCritic(policy, vocabulary, ppo.kl).to(device), ppo)
    )
    result = learn(
        learner,
        reference,
        World(encoder, prompts, worth, toolbox),
        rl,
        folder,
        resume=resume != "no",
        fingerprint=_fingerprint(asked, tokenizer, prompts),
        settings=to_mapping(grpo if method == "grpo" else ppo),
    )
    figures = {
        "method": method,
        "parameters": sum(p.numel() for p in policy.parameters()),
        "reward": worth.name,
        "steps": result.steps,
        "tokens": result.tokens,
        "seconds": result.seconds,
        "prompts": {
            "sources": list(dict.fromkeys(s.name for s in prompts.sources)),
            "bad": problems.count,
            "problems": [f"{p.source}: {p.why}" for p in problems.named],
        },
        "before": result.before,
        "train": result.train,
        "validation": result.validation,
    }
    policy.cpu()
    save_model(policy, folder, tokenizer=tokenizer)
    write_text(folder / RESOLVED, write_yaml(replace(asked, rl=replace(rl, steps=result.steps))))
    write_json(folder / TRAINING, figures)
    mark_complete(folder)
    return Reinforced(folder, figures)


def _check_group(method: Method, rl: RlConfig) -> None:
    if method == "grpo" and rl.group == 1:
        raise UserError(
            tr(
                "grpo compares replies to the same prompt, and rl.group is 1.",
                "grpo compara respostas ao mesmo prompt, e rl.group é 1.",
            ),
            tr("Use at least 2, or --method ppo.", "Use pelo menos 2, ou --method ppo."),
        )


def _reward_folder(given: Path | None, start: Path, folder: Path) -> str | None:
    """The reward model's folder: the one given, else that of the result's run or the model's, else none."""
    if given is not None:
        return given.as_posix()
    for run in (folder.parent, start.parent):
        if is_complete(run / REWARD):
            return (run / REWARD).as_posix()
    return None


def _prompts(
    asked: Configuration, encoder: "ChatEncoder", context: int, toolbox: "Toolbox | None", problems: Problems
) -> "Prompts":
    """What will be asked, and held out."""
    from prosa.align.prompts import FileSource, Prompts, Source, read_prompts, task_sources
    from prosa.evaluate.tasks.registry import find_task
    from prosa.generate.reply import announced

    room = min(asked.rl.max_tokens, ROOM)

    def fits(prompt: "Asked") -> bool:
        return len(encoder.prompt(announced(prompt.messages, toolbox))) + room <= context + 1

    tasks = [find_task(name) for name in dict.fromkeys(asked.tasks)]
    sources: list[Source] = task_sources(tasks, asked.languages, fits)
    if asked.data:
        language: Lang = asked.languages[0] if asked.languages else "pt-BR"
        read = list(read_prompts(asked.data, problems, language))
        for problem in problems.named[:3]:
            warn(tr(f"left out: {problem.source}: {problem.why}", f"deixado de fora: {problem.source}: {problem.why}"))
        kept = [prompt for prompt in read if fits(prompt)]
        say(
            tr(
                f"prompts: {number(len(read))} read, {number(problems.count)} bad, {number(len(read) - len(kept))} too "
                f"long for the context of {context}",
                f"prompts: {number(len(read))} lidos, {number(problems.count)} ruins, {number(len(read) - len(kept))} "
                f"longos demais para o contexto de {context}",
            )
        )
        if not kept:
            raise UserError(
                tr(
                    f"no prompt leaves room for a reply in the context of {context}.",
                    f"nenhum prompt deixa lugar para uma resposta no contexto de {context}.",
                ),
                tr("Give shorter ones.", "Dê prompts menores."),
            )
        name = ", ".join(path.name for path in asked.data)
        sources.append(FileSource(name, kept, asked.rl.held_out))
    if not sources:
        raise UserError(
            tr("there are no prompts.", "não há prompts."),
            tr("Give --tasks TASK ... or --data FILE ...", "Dê --tasks TAREFA ... ou --data ARQUIVO ..."),
        )
    return Prompts(sources, asked.rl.seed)


def _reward(asked: Configuration, tokenizer: "Tokenizer", prompts: "Prompts") -> "Reward":
    """What replies are worth, as the prompts and the folders have it."""
    from prosa.align.rewards import Reward, Verifier, Weighted

    parts: list[tuple[Reward, float]] = []
    some = prompts.at(0, 64 * len(prompts.sources))
    known = sum(prompt.check is not None for prompt in some)
    if asked.reward is not None:
        parts.append((_scored(Path(asked.reward), tokenizer, asked.rl.device), asked.rl.reward_weight))
    elif known < len(some):
        raise UserError(
            tr(
                "some prompts have no answer, and without a reward model nothing tells what a reply is worth.",
                "há prompts sem resposta certa, e sem um modelo de recompensa nada diz o que uma resposta vale.",
            ),
            tr(
                'Give an "answer" with each prompt, or a reward model: --reward FOLDER (prosa reward makes one).',
                'Dê uma "answer" com cada prompt, ou um modelo de recompensa: --reward PASTA (prosa reward faz um).',
            ),
        )
    if known:
        parts.append((Verifier(), asked.rl.verifier_weight))
    found = Weighted(parts, asked.rl.unfinished_cost)
    names = {"verifier": "verificador", "reward model": "modelo de recompensa"}
    spoken = " + ".join(tr(part.name, names[part.name]) for part, _ in parts)
    say(tr(f"reward: {spoken}", f"recompensa: {spoken}"))
    return found


def _scored(folder: Path, tokenizer: "Tokenizer", device: DeviceName) -> "Reward":
    """The reward of a reward model.

    Raises:
        UserError: there is none in the folder, or it reads another tokenizer's ids.
    """
    from prosa.align.reward import load_reward
    from prosa.align.rewards import Scored

    found = load_reward(folder, device=device)
    found.check_tokenizer(tokenizer)
    return Scored(found)


def _fingerprint(asked: Configuration, tokenizer: "Tokenizer", prompts: "Prompts") -> str:
    """Of what a run may not change while it is resumed."""
    digest = hashlib.sha256()
    for folder in (asked.model, *([asked.reward] if asked.reward else [])):
        for file in sorted(Path(folder).glob("*.safetensors")):
            digest.update(sha256(file).encode())
    return f"tokenizer={tokenizer.fingerprint[:16]};prompts={prompts.fingerprint};models={digest.hexdigest()[:16]}"
