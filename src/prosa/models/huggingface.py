"""A model as a Hugging Face folder, which ``transformers`` and vLLM open as it is, and back.

``config.json``, ``model.safetensors``, ``generation_config.json`` and, with a tokenizer, its files; ``folder.py`` says
how they are written.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from prosa.core.errors import UserError
from prosa.core.files import write_json
from prosa.core.language import tr
from prosa.models.folder import CONFIG, checksum, read_config, read_weights, write_folder
from prosa.models.gpt import GPT
from prosa.models.huggingface_bert import is_bert
from prosa.models.huggingface_config import OTHERS, from_config, is_scored, to_config
from prosa.models.huggingface_weights import from_weights, to_weights
from prosa.tokenizers.config import END
from prosa.tokenizers.protocol import Tokenizer

GENERATION_CONFIG = "generation_config.json"


def save_model(model: GPT, folder: Path, *, tokenizer: Tokenizer | None = None) -> None:
    """Write the model, in the dtype it has, and the tokenizer when given, to a Hugging Face model folder.

    Raises:
        UserError: the folder cannot be written or the disk is full; files that were there before stay whole.
    """
    end_of_text = None if tokenizer is None else tokenizer.end_of_text
    config = to_config(model.config, tokenizer=tokenizer, dtype=model.embedding.weight.dtype)
    write_folder(folder, config, to_weights(model))
    turn_end = None if tokenizer is None else tokenizer.special_tokens.get(END)
    ends = end_of_text if turn_end is None else [end_of_text, turn_end]  # of a document; of an assistant's turn
    write_json(folder / GENERATION_CONFIG, {"bos_token_id": end_of_text, "eos_token_id": ends})
    if tokenizer is not None:
        tokenizer.save(folder)


def load_model(folder: Path) -> GPT:
    """A model from a folder of ours or of GPT-2, Qwen3 or Llama shape from elsewhere; on the CPU, in evaluation mode.

    Weights keep the dtype they are stored in.

    Raises:
        UserError: a file is missing, truncated or altered, or does not fit the configuration (file and tensor are
            named), the configuration asks for what our decoder lacks, or it is of a reward model or classifier.
    """
    mapping = read_config(folder)
    if is_scored(mapping):
        raise UserError(
            tr(
                f"{folder} is a reward model or classifier, not a language model: it has no head for tokens.",
                f"{folder} é um modelo de recompensa ou classificador, não um modelo de linguagem: não tem saída para "
                "tokens.",
            ),
            tr("Give the model it was made from.", "Dê o modelo de que ele foi feito."),
        )
    if is_bert(mapping):
        raise UserError(
            tr(
                f"{folder} is BERT, which reads both sides of a blank and does not write on.",
                f"{folder} é um BERT, que lê os dois lados de uma lacuna e não escreve adiante.",
            ),
            tr(
                'It fills blanks: prosa fill RUN "O [MASK] roeu a roupa"; and classifies: prosa train-classifier',
                'Ele preenche lacunas: prosa fill EXECUÇÃO "O [MASK] roeu a roupa"; e classifica: '
                "prosa train-classifier",
            ),
        )
    if str(mapping.get("model_type")) in OTHERS:
        raise UserError(
            tr(
                f"{folder} is a {mapping['model_type']} model, and this needs a decoder (GPT-2, Qwen3, Llama).",
                f"{folder} é um modelo {mapping['model_type']}, e aqui é preciso um decoder (GPT-2, Qwen3, Llama).",
            ),
            tr("It can be measured and continues a prompt: ", "Ele pode ser medido e continua um prompt: ")
            + "prosa evaluate, prosa generate",
        )
    config = from_config(mapping, str(folder / CONFIG))
    return from_weights(config, *read_weights(folder)).eval()


def weights_fingerprint(model: GPT) -> str:
    """16 hex digits of what the model's weights are."""
    sums = {name: checksum(tensor.cpu()) for name, tensor in to_weights(model).items()}
    return hashlib.sha256(repr(sorted(sums.items())).encode()).hexdigest()[:16]


def saved_tokenizer_fingerprint(folder: Path) -> str | None:
    """The fingerprint of the tokenizer that a model folder was saved with; None where the folder does not tell.

    Raises:
        UserError: ``config.json`` is missing or no JSON object.
    """
    ours = read_config(folder).get("prosa")
    found = ours.get("tokenizer") if isinstance(ours, Mapping) else None
    return found if isinstance(found, str) else None


def check_tokenizer(folder: Path, tokenizer: Tokenizer, vocab_size: int) -> None:
    """See that a tokenizer is the one whose ids the model of a folder knows.

    Args:
        vocab_size: the model's.

    Raises:
        UserError: it has more ids, or it is not the one that the model was saved with.
    """
    if tokenizer.vocab_size > vocab_size:
        raise UserError(
            tr(
                f"{folder}: a tokenizer of {tokenizer.vocab_size} ids does not match a model of {vocab_size}.",
                f"{folder}: um tokenizador de {tokenizer.vocab_size} ids não combina com um modelo de {vocab_size}.",
            )
        )
    if saved_tokenizer_fingerprint(folder) not in (None, tokenizer.fingerprint):
        raise UserError(
            tr(
                f"{folder}: the tokenizer is not the one that the model was trained with.",
                f"{folder}: o tokenizador não é aquele com que o modelo foi treinado.",
            ),
            tr("Put the original tokenizer files back.", "Recoloque os arquivos originais do tokenizador."),
        )
