"""``prosa pretrain``: token shards -> a base model, a Hugging Face folder in the run's ``base/``."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prosa.core.config import write_yaml
from prosa.core.errors import UserError
from prosa.core.files import mark_complete, read_json, write_json, write_text
from prosa.core.language import number, tr
from prosa.core.progress import say
from prosa.pipeline.model_choice import ModelChoice
from prosa.pipeline.run import AFTER_BASE, BASE, EVALUATION, TOKENIZER, TOKENS
from prosa.pipeline.samples import SampleConfig, sampler
from prosa.pipeline.stage import RESOLVED, TRAINING, Resume, check_wishes, claim_stage, is_done, settled
from prosa.tokenizers.load import load as load_tokenizer
from prosa.train.config import TrainConfig

LEAST_HELD_OUT = 2  # tokens: one to be predicted


@dataclass(frozen=True)
class Configuration:
    """What ``base/config.resolved.yaml`` holds: a recipe of the parts that training uses."""

    model: ModelChoice
    train: TrainConfig
    sample: SampleConfig


@dataclass(frozen=True)
class Pretrained:
    """A trained base model."""

    folder: Path
    parameters: int
    figures: dict[str, Any]  # steps, tokens, seconds, the last train and validation lines of metrics.jsonl

    def to_json(self) -> dict[str, Any]:
        """Folder, parameters and figures."""
        return {"folder": str(self.folder), "parameters": self.parameters, **self.figures}


def pretrain(
    *,
    data: Path,
    out: Path,
    model: ModelChoice = ModelChoice(),
    train: TrainConfig = TrainConfig(),
    sample: SampleConfig = SampleConfig(),
    resume: Resume = "no",
    force: bool = False,
) -> Pretrained:
    """Train a language model from scratch on a token folder; with torchrun, in several processes.

    Args:
        data: Token folder (from prosa prepare), or a run that holds one.
        out: Run folder; the model goes to its base/.
        model: The model's shape.
        train: The training.
        sample: Sample texts during training.
        resume: auto goes on from the newest good checkpoint or begins; must (or no value) needs one.
        force: Replace a base/ that is there.

    Raises:
        UserError: the data is not a token folder or too small, the model does not fit it or the memory, ``out`` is
            taken, nothing to resume, changed data, training diverged.
        KeyboardInterrupt: after Ctrl-C, with a checkpoint saved.
    """
    from prosa.train.parallel import together

    with together(train.device):
        return _pretrain(data, out, model, train, sample, resume, force)


def _pretrain(
    data: Path, out: Path, model: ModelChoice, train: TrainConfig, sample: SampleConfig, resume: Resume, force: bool
) -> Pretrained:
    """The same in each process; rank 0 writes."""
    check_wishes(resume, force)
    base, asked = out / BASE, Configuration(model, train, sample)
    if is_done(base, asked, resume):
        figures = read_json(base / TRAINING)
        return Pretrained(base, figures.pop("parameters", 0), figures)
    import torch

    from prosa.core.environment import environment
    from prosa.data.batches import Batches
    from prosa.data.shards import TokenFolder
    from prosa.models.gpt import GPT
    from prosa.models.huggingface import save_model
    from prosa.models.sizes import count_parameters
    from prosa.pipeline.validation import validator
    from prosa.train.loop import fit
    from prosa.train.memory import check_weights
    from prosa.train.objectives import NextToken
    from prosa.train.parallel import ranks

    here = ranks()
    tokens = _token_folder(data)
    folder = TokenFolder(tokens)
    tokenizer = load_tokenizer(tokens / TOKENIZER)
    if folder.tokenizer_fingerprint != tokenizer.fingerprint:
        raise UserError(
            tr(
                f"{tokens} was not made with the tokenizer in it.",
                f"{tokens} não foi feita com o tokenizador que contém.",
            )
        )
    shape = model.config(tokenizer.vocab_size)
    parameters = count_parameters(shape).total
    check_weights(parameters, train)
    batches = Batches(
        folder, context=shape.context, batch_size=train.batch_size, seed=train.seed, document_mask=train.document_mask
    )
    here.batch(batches, 0)  # one that cannot be shared is refused before anything is written
    if here.is_main:
        claim_stage(base, resume, force=force, inputs=[data], later=AFTER_BASE)
        (out / EVALUATION).unlink(missing_ok=True)  # it is of the model that was there
    layers = tr("layers", "camadas") if shape.n_layer > 1 else tr("layer", "camada")
    say(
        tr(
            f"model: {number(parameters)} parameters, {shape.n_layer} {layers} of width {shape.d_model}, "
            f"context {shape.context}",
            f"modelo: {number(parameters)} parâmetros, {shape.n_layer} {layers} de largura {shape.d_model}, "
            f"contexto {shape.context}",
        )
    )
    if here.is_main and not (base / "env.json").is_file():
        write_text(base / RESOLVED, write_yaml(asked))  # on resuming, it stays until the new one is known to be good
        write_json(base / "env.json", environment())
    torch.manual_seed(train.seed)
    network = GPT(shape)
    validate = None
    if folder.totals("held_out")["tokens"] >= LEAST_HELD_OUT:
        validate = validator(folder, shape.context, train)
    result = fit(
        network,
        NextToken(train.loss_chunk),
        batches,
        train,
        base,
        resume=resume != "no",
        data_fingerprint=batches.fingerprint,
        validate=validate,
        sample=sampler(tokenizer, sample) if sample.prompts else None,
    )
    figures = {
        "steps": result.steps,
        "tokens": result.tokens,
        "seconds": result.seconds,
        "epochs": batches.epochs(result.steps),
        "train": result.train,
        "validation": result.validation,
    }
    if here.is_main:
        save_model(network.cpu(), base, tokenizer=tokenizer)
        write_text(base / RESOLVED, write_yaml(replace(asked, train=settled(train, result))))
        write_json(base / TRAINING, {"parameters": parameters, **figures})
        mark_complete(base)
    return Pretrained(base, parameters, figures)


def _token_folder(data: Path) -> Path:
    for folder in (data, data / TOKENS):
        if (folder / "index.json").is_file():
            return folder
    raise UserError(
        tr(f"{data} is not a token folder.", f"{data} não é uma pasta de tokens."),
        tr(
            "Make one with: prosa prepare CORPUS --tokenizer SPEC --out TOKENS",
            "Faça uma com: prosa prepare CORPUS --tokenizer SPEC --out TOKENS",
        ),
    )
