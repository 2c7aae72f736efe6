"""``prosa pretrain-bert``: text -> a masked language model, a Hugging Face folder in the run's ``bert/``;
``prosa fill``: what may stand in a text's blanks.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from prosa.core.device import DeviceName, choose_device
from prosa.core.errors import UserError
from prosa.core.files import check_free, is_complete, read_json
from prosa.core.language import number, tr
from prosa.core.progress import say
from prosa.corpus.config import CorpusConfig
from prosa.data.mask_config import MaskConfig
from prosa.generate.filled import Filled
from prosa.pipeline.bert_choice import BertChoice
from prosa.pipeline.corpus import corpus as corpus_stage
from prosa.pipeline.prepare import prepare
from prosa.pipeline.run import BERT, CORPUS, TOKENIZER, TOKENS, is_bert_folder, model_folder
from prosa.pipeline.stage import TRAINING, Resume, check_same_start, check_wishes, is_done, settled
from prosa.pipeline.tokenizer import train as train_tokenizer
from prosa.pipeline.tuning import Tuned, begin, complete
from prosa.tokenizers.bert import SPECIAL
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.load import load as load_tokenizer
from prosa.train.config import TrainConfig

if TYPE_CHECKING:
    from prosa.data.masking import Maskable
    from prosa.data.shards import TokenFolder
CURVE, FINAL = 64, 1000  # held-out windows: for the curve; for the figures at the end


@dataclass(frozen=True)
class MaskedTrainConfig(TrainConfig):
    """How a masked language model is trained; what differs from pretraining a decoder."""

    batch_size: int = 32
    """Sequences a step, over the whole step (accumulated micro-batches and all processes included)."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """adamw, or muon for the hidden matrices with AdamW for the rest."""
    lr: float = 1e-3
    """AdamW's peak learning rate."""
    embedding_lr: float = 0.0
    """AdamW's peak learning rate for the embeddings. 0: the same as lr."""
    betas: tuple[float, float] = (0.9, 0.98)
    """AdamW's decay rates of the two moments."""
    weight_decay: float = 0.01
    """Decoupled weight decay of matrices; norms, biases and embeddings have none."""
    warmup: float = 0.06
    """Fraction of the steps over which the learning rate rises from 0 to its peak."""
    decay_fraction: float = 0.94
    """With linear: the fraction of the steps, at the end, over which the learning rate falls."""


@dataclass(frozen=True)
class Configuration:
    """What ``bert/config.resolved.yaml`` holds."""

    data: tuple[Path, ...]
    bert: BertChoice
    mask: MaskConfig
    train: MaskedTrainConfig


def pretrain_bert(
    data: tuple[Path, ...],
    *,
    out: Path,
    bert: BertChoice = BertChoice(),
    mask: MaskConfig = MaskConfig(),
    train: MaskedTrainConfig = MaskedTrainConfig(),
    corpus: CorpusConfig = CorpusConfig(),
    kind: Literal["wordpiece", "bpe"] = "wordpiece",
    vocab_size: int = 0,
    resume: Resume = "no",
    force: bool = False,
) -> Tuned:
    """Pretrain BERT on text: it learns to say what stands where words are masked.

    Args:
        data: Files and folders of text; or a token folder (prosa prepare) whose tokenizer has [CLS], [SEP] and [MASK].
        out: Run folder; the model goes to its bert/, and of text its corpus, tokenizer and tokens beside it.
        bert: The model's shape.
        mask: What is masked.
        train: The training.
        corpus: Of text: reading, cleaning and splitting.
        kind: Of text: the tokenizer, wordpiece (as BERT, but case and accents stay) or byte-level bpe.
        vocab_size: Of text: entries of the vocabulary; 0: one for each 2,400 bytes, from 512 to 32,768.
        resume: auto goes on where an earlier run stopped or begins; must (or no value) needs a checkpoint.
        force: Replace what Prosa made in the run folder.

    Raises:
        UserError: nothing readable, tokens of a tokenizer without [MASK], a shape that does not fit, ``out`` is taken,
            nothing to resume, changed data, training diverged.
        KeyboardInterrupt: after Ctrl-C, with a checkpoint saved.
    """
    check_wishes(resume, force)
    folder, asked = out / BERT, Configuration(data, bert, mask, train)
    if is_done(folder, asked, resume):
        return Tuned(folder, read_json(folder / TRAINING))
    if resume != "no":
        check_same_start(folder, asked, ("data", "bert", "mask"))
    bert.config(1000)  # a shape that cannot be built is told before the text is read
    if resume == "no":
        check_free(folder, force=force, inputs=data)
    tokens = _tokens(data, out, corpus, kind, vocab_size, resume, force)
    import torch

    from prosa.data.masking import Maskable, MaskedBatches, masked_held_out
    from prosa.data.shards import TokenFolder
    from prosa.evaluate.masked import masked_score
    from prosa.models.bert import Bert, MaskedLM
    from prosa.models.huggingface_bert import save_bert
    from prosa.train.loop import fit
    from prosa.train.objectives import NextToken

    shards, tokenizer = TokenFolder(tokens), load_tokenizer(tokens / TOKENIZER)
    maskable, shape = Maskable.of(tokenizer), bert.config(tokenizer.vocab_size)
    batches = MaskedBatches(
        shards,
        maskable,
        mask,
        context=shape.context,
        batch_size=train.batch_size,
        seed=train.seed,
        document_mask=train.document_mask,
    )
    begin(folder, asked, resume, force=force, inputs=data, later=())
    torch.manual_seed(train.seed)
    network = MaskedLM(Bert(shape))
    parameters = sum(p.numel() for p in network.parameters())
    say(
        tr(
            f"model: {number(parameters)} parameters, {shape.n_layer} layers of width {shape.d_model}, context "
            f"{shape.context}; vocabulary {number(tokenizer.vocab_size)} ({tokenizer.kind})",
            f"modelo: {number(parameters)} parâmetros, {shape.n_layer} camadas de largura {shape.d_model}, contexto "
            f"{shape.context}; vocabulário {number(tokenizer.vocab_size)} ({tokenizer.kind})",
        )
    )
    result = fit(
        network,
        NextToken(train.loss_chunk),
        batches,
        train,
        folder,
        resume=resume != "no",
        data_fingerprint=batches.fingerprint,
        validate=_validator(shards, maskable, mask, shape.context, train.batch_size),
    )
    held_out = None
    if shards.totals("held_out")["tokens"] > 1:
        windows = masked_held_out(shards, maskable, mask, context=shape.context, batch_size=32, max_windows=FINAL)
        held_out = masked_score(network.eval(), windows).to_json()
    save_bert(network.cpu(), folder, tokenizer=tokenizer)
    return complete(
        folder,
        result,
        settled=replace(asked, train=settled(train, result)),
        figures={"parameters": parameters, "epochs": batches.epochs(result.steps), "held_out": held_out},
    )


def _tokens(
    data: tuple[Path, ...],
    out: Path,
    corpus: CorpusConfig,
    kind: Literal["wordpiece", "bpe"],
    vocab_size: int,
    resume: Resume,
    force: bool,
) -> Path:
    """The token folder that ``data`` is, or the one made of it in ``out``."""
    if not data:
        raise UserError(tr("no text given.", "nenhum texto foi dado."))
    for place in (data[0], data[0] / TOKENS):
        if len(data) == 1 and (place / "index.json").is_file():
            return place
    special = SPECIAL if kind == "bpe" else ()  # WordPiece has them of itself; [SEP] ends documents
    config = TokenizerConfig(kind=kind, vocab_size=vocab_size, special_tokens=special)
    there = {stage: resume != "no" and is_complete(out / stage) for stage in (CORPUS, TOKENIZER, TOKENS)}
    replace_there = force or resume != "no"  # what is half done
    if not there[CORPUS]:
        corpus_stage(data, out=out / CORPUS, corpus=corpus, force=replace_there)
    if not there[TOKENIZER]:
        train_tokenizer((out / CORPUS,), out=out / TOKENIZER, tokenizer=config, force=replace_there)
    if not there[TOKENS]:
        prepare((out / CORPUS,), tokenizer=str(out / TOKENIZER), out=out / TOKENS, force=replace_there)
    return out / TOKENS


def _validator(
    shards: "TokenFolder", maskable: "Maskable", mask: MaskConfig, context: int, batch_size: int
) -> Callable[[Any, int], dict[str, float]] | None:
    """Loss and accuracy over some held-out windows, masked alike each time."""
    from prosa.data.masking import masked_held_out
    from prosa.evaluate.masked import masked_score

    if shards.totals("held_out")["tokens"] < 2:
        return None

    def validate(model: Any, step: int) -> dict[str, float]:
        windows = masked_held_out(shards, maskable, mask, context=context, batch_size=batch_size, max_windows=CURVE)
        score = masked_score(model, windows)
        return {"loss": score.nats / score.tokens, "accuracy": score.right / score.tokens, "tokens": score.tokens}

    return validate


def fill(model: str, text: tuple[str, ...], *, top: int = 5, device: DeviceName = "auto") -> list[Filled]:
    """Say what may stand where a text has [MASK].

    Args:
        model: A run (its bert/), or the folder of a masked BERT.
        text: Texts with one [MASK] or more each.
        top: Candidates for each blank.
        device: Where to compute.

    Raises:
        UserError: no such model, one that fills no blanks, no [MASK] in a text, or a text longer than the context.
    """
    if not text:
        raise UserError(tr("no text given.", "nenhum texto foi dado."))
    if top < 1:
        raise UserError(tr(f"top is {top}; it must be at least 1.", f"top é {top}; deve ser pelo menos 1."))
    own = Path(model) / BERT
    folder = own if is_complete(own) else model_folder(model)
    from prosa.generate.fill import fill as fill_blanks
    from prosa.models.huggingface import check_tokenizer
    from prosa.models.huggingface_bert import load_masked

    if not is_bert_folder(folder):
        raise UserError(
            tr(
                f"{folder} reads from left to right and fills no blanks.",
                f"{folder} lê da esquerda para a direita e não preenche lacunas.",
            ),
            tr(
                "Make a masked model with: prosa pretrain-bert FOLDER --out RUN",
                "Faça um modelo mascarado com: prosa pretrain-bert PASTA --out EXECUÇÃO",
            ),
        )
    network, tokenizer = load_masked(folder), load_tokenizer(folder)
    check_tokenizer(folder, tokenizer, network.config.vocab_size)
    network = network.float().to(choose_device(device)).eval()
    return [fill_blanks(network, tokenizer, one, top=top) for one in text]
