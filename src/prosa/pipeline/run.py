"""The run folder: where each stage is, and which model a name means."""

from pathlib import Path
from typing import TYPE_CHECKING

from prosa.core.errors import UserError, unknown
from prosa.core.files import is_complete
from prosa.core.language import tr

if TYPE_CHECKING:
    from prosa.models.bert import Bert
    from prosa.models.gpt import GPT
    from prosa.models.language_model import LanguageModel
    from prosa.tokenizers.protocol import Tokenizer

ADAPTER_CONFIG = "adapter_config.json"  # of PEFT
CORPUS, TOKENIZER, TOKENS = "corpus", "tokenizer", "data"
CLASSIFIER = "classifier"
TRANSLATION = "translation"
VECTORS = "vectors"
BASE, SFT, REWARD, DPO, RL = "base", "sft", "reward", "dpo", "rl"
BERT = "bert"
AFTER_SFT = (DPO, REWARD, RL)
AFTER_BASE = (SFT, *AFTER_SFT)
MODEL_STAGES = (RL, DPO, SFT, BASE)  # newest first
RECIPE, EVALUATION, GAINS, REPORT = "recipe.yaml", "evaluation.json", "gains.json", "report.html"


def model_folder(spec: str) -> Path:
    """The model folder that ``spec`` means: a run (its newest complete stage), ``run:stage``, or any model folder.

    Raises:
        UserError: there is no such folder, no such stage, or no stage is complete.
    """
    path, stage = Path(spec), ""
    if not path.exists() and ":" in spec:
        head, _, tail = spec.rpartition(":")
        if tail not in (*MODEL_STAGES, BERT) and Path(head).is_dir():
            raise unknown(tr("stage", "etapa"), tail, (*MODEL_STAGES, BERT))
        path, stage = Path(head), tail
    if not path.is_dir():
        raise UserError(
            tr(f"{path} is not a folder.", f"{path} não é uma pasta."),
            tr(
                "Give a run folder (runs/mine), a stage of it (runs/mine:base) or a model folder.",
                "Dê a pasta de uma execução (runs/mine), uma etapa dela (runs/mine:base) ou a pasta de um modelo.",
            ),
        )
    if stage:
        if not (path / stage / "config.json").is_file():
            raise UserError(tr(f"{path} has no stage {stage!r}.", f"{path} não tem a etapa {stage!r}."))
        return path / stage
    if (path / "config.json").is_file():
        return path
    if (path / ADAPTER_CONFIG).is_file():
        raise UserError(
            tr(f"{path} holds an adapter, not a model.", f"{path} tem um adaptador, não um modelo."),
            tr(
                "Give the model that it was merged into, the folder above it.",
                "Dê o modelo em que ele foi incorporado, a pasta acima dele.",
            ),
        )
    for name in (*MODEL_STAGES, BERT):
        if is_complete(path / name):
            return path / name
    raise UserError(
        tr(f"{path} holds no finished model.", f"{path} não tem um modelo pronto."),
        tr("Finish it with: ", "Termine com: ") + f"prosa build --recipe {path / RECIPE} --out {path} --resume auto"
        if (path / RECIPE).is_file()
        else tr("Make one with: prosa build FOLDER --out RUN", "Faça um com: prosa build PASTA --out EXECUÇÃO"),
    )


def run_of(model: Path) -> Path | None:
    """The run folder that a model folder is a stage of, None when it stands alone."""
    parent = model.resolve().parent
    return parent if model.resolve().name in MODEL_STAGES and (parent / TOKENS).is_dir() else None


def load(spec: str) -> "tuple[GPT, Tokenizer, Path]":
    """Decoder, tokenizer and folder of ``spec``.

    Raises:
        UserError: something is missing, damaged, no decoder, or the tokenizer does not belong to the model.
    """
    from prosa.models.huggingface import load_model

    folder = model_folder(spec)
    model = load_model(folder)
    return model, _tokenizer(folder, model.config.vocab_size), folder


def load_any(spec: str) -> "tuple[LanguageModel, Tokenizer, Path]":
    """``load``, of any language model.

    Raises:
        UserError: something is missing, damaged, no language model, or the tokenizer does not belong to the model.
    """
    from prosa.models.language_model import load_language_model

    folder = model_folder(spec)
    model = load_language_model(folder)
    return model, _tokenizer(folder, model.config.vocab_size), folder


def _tokenizer(folder: Path, vocab_size: int) -> "Tokenizer":
    from prosa.models.huggingface import check_tokenizer
    from prosa.tokenizers.load import load

    tokenizer = load(folder)
    check_tokenizer(folder, tokenizer, vocab_size)
    return tokenizer


def is_bert_folder(folder: Path) -> bool:
    """Whether a model folder holds BERT."""
    from prosa.models.folder import read_config
    from prosa.models.huggingface_bert import is_bert

    return is_bert(read_config(folder))


def load_bert(folder: Path) -> "tuple[Bert, Tokenizer]":
    """The encoder of a model folder, and its tokenizer.

    Raises:
        UserError: something is missing, damaged, or the tokenizer does not belong to the model.
    """
    from prosa.models.huggingface_bert import load_bert as load_encoder

    encoder = load_encoder(folder)
    return encoder, _tokenizer(folder, encoder.config.vocab_size)
