"""``prosa index`` and ``prosa ask``, as a user calls them."""

import json
import re

import pytest
import torch

from prosa.cli.main import main
from prosa.core.errors import UserError
from prosa.core.language import set_language
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import save_model
from prosa.pipeline import ask as asking
from prosa.pipeline.ask import ask
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train

TEXT = """A contratada entregará as cadeiras em até 15 dias úteis. O atraso sujeita a contratada à multa de 2%.

O frete corre por conta da contratada."""


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """An untrained model that a passage fits."""
    folder = tmp_path_factory.mktemp("models") / "wide"
    tokenizer = train([TEXT], TokenizerConfig(vocab_size=300))
    torch.manual_seed(0)
    save_model(GPT(GPTConfig(300, 1024, 1, 2, 16)), folder, tokenizer=tokenizer)
    return folder


@pytest.fixture
def docs(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "contrato.txt").write_text(TEXT, encoding="utf-8")
    (folder / "foto.jpg").write_bytes(b"\xff\xd8")
    return folder


def test_an_answer_quotes_its_sentence_and_cites_file_and_lines(wide, docs, capsys):
    assert main(["ask", str(wide), "Qual é a multa por atraso?", "--docs", str(docs), "--max-tokens", "4"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("“O atraso sujeita a contratada à multa de 2%.” [1]\n")
    assert f"[1] contrato.txt, lines 1–3\n{TEXT}\n" in out
    assert "foto.jpg: format not read" in err
    assert "The model writes, after reading [1] (it may be wrong):" in err
    assert main(["ask", str(wide), "Qual é a multa?", "--docs", str(docs), "--max-tokens", "0"]) == 0
    out, err = capsys.readouterr()
    assert "problems: 1 (prosa index" in err  # named once, when the files were read
    assert "foto.jpg" not in err
    assert "The model writes" not in err


def test_json_has_all_of_it(wide, docs, capsys):
    assert main(["ask", str(wide), "multa por atraso", "--docs", str(docs), "--by", "both", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["found"] is True
    assert told["quotes"][0] == {"passage": 1, "text": "O atraso sujeita a contratada à multa de 2%."}
    (passage,) = told["passages"]
    assert (passage["file"], passage["text"]) == ("contrato.txt", TEXT)
    assert passage["place"] == {"line": 1, "last_line": 3, "part": 1}
    assert told["model_read"] == [1]


def test_where_nothing_is_found_it_says_so_and_only_the_mode_both_asks_the_model(chat_run, docs, capsys):
    question = "Qual é a capital da França?"
    assert main(["ask", str(chat_run), question, "--docs", str(docs)]) == 0
    out, err = capsys.readouterr()
    assert re.match(r"Nothing relevant was found in the documents. In no document: capital, França. Ask in", out)
    assert "The model writes" not in err
    assert main(["ask", str(chat_run), question, "--docs", str(docs), "--mode", "both", "--lang", "pt-BR"]) == 0
    set_language("en")
    out, err = capsys.readouterr()
    assert "Nada de relevante foi encontrado nos documentos." in out
    assert "O modelo escreve, sem os seus documentos (pode errar):" in err


def test_from_documents_alone_what_no_passage_supports_is_left_out(wide, docs, monkeypatch):
    texts = ["A multa é de 2% por atraso. ", "Girassóis florescem em maio."]
    monkeypatch.setattr(
        asking,
        "_written",
        lambda engine, encoder, ids, sampling, most, citer: iter([*map(citer.push, texts), citer.finish()]),
    )
    alone = ask(str(wide), "multa por atraso", docs=docs)
    assert (alone.text, alone.left_out, alone.read) == ("A multa é de 2% por atraso. [1]", 1, (1,))
    both = ask(str(wide), "multa por atraso", docs=docs, mode="both")
    assert (both.text, both.left_out) == ("A multa é de 2% por atraso. [1] Girassóis florescem em maio.", 0)
    assert both.support == pytest.approx(3 / 6)


def test_where_no_passage_fits_the_context_a_model_is_not_asked_from_documents_alone(chat_run, docs, capsys):
    made = ask(str(chat_run), "multa por atraso", docs=docs)
    assert (made.text, made.read) == (None, ())
    assert made.quotes
    assert "no passage fits the model's context of 128 tokens" in capsys.readouterr().err


def test_a_base_model_gives_the_passages_alone(tiny_run, docs, capsys):
    made = ask(str(tiny_run), "multa por atraso", docs=docs)
    assert made.text is None
    assert made.found.relevant
    assert "has not learnt to answer" in capsys.readouterr().err


def test_changes_are_seen_and_an_index_that_was_made_is_used_as_it_is(chat_run, docs, tmp_path):
    def files(where):
        return [h.passage.file for h in ask(str(chat_run), "girassol", docs=where, max_tokens=0).found.hits]

    index = tmp_path / "index"
    assert main(["index", str(docs), "--out", str(index)]) == 0
    assert files(docs) == files(index) == []
    (docs / "novo.txt").write_text("Um girassol.", encoding="utf-8")
    assert files(docs) == ["novo.txt"]
    assert files(index) == []


def test_a_damaged_index_of_the_cache_is_made_anew(chat_run, docs):
    first = ask(str(chat_run), "multa", docs=docs, max_tokens=0)
    (database,) = first.index.glob("passages-*.sqlite")
    database.write_bytes(database.read_bytes()[:-1])
    assert ask(str(chat_run), "multa", docs=docs, max_tokens=0).found.hits


def test_control_characters_of_a_document_do_not_reach_the_terminal(chat_run, docs, capsys):
    (docs / "mau\x1b[2J.txt").write_text("Girassol \x1b]0;mau \x9b31m é uma flor. " * 9, encoding="utf-8")
    assert main(["ask", str(chat_run), "girassol", "--docs", str(docs), "--max-tokens", "0"]) == 0
    out, err = capsys.readouterr()
    assert not {"\x1b", "\x07", "\x9b"} & set(out + err)


@pytest.mark.parametrize(
    ("question", "flags", "message"),
    [
        ("  ", [], "the question is empty"),
        ("?!", [], "the question has no words"),
        ("multa", ["--docs", "nowhere"], "nowhere is neither a folder nor an index"),
        ("multa", ["--passages", "0"], "--passages is 0, must be at least 1"),
        ("multa", ["--max-tokens", "-1"], "--max-tokens is -1, must be at least 0"),
    ],
)
def test_mistakes_are_told(chat_run, docs, capsys, question, flags, message):
    assert main(["ask", str(chat_run), question, "--docs", str(docs), *flags]) == 2
    assert message in capsys.readouterr().err


def test_an_empty_folder_and_a_missing_model_are_told(chat_run, docs, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no text found in .*: it is empty"):
        ask(str(chat_run), "multa", docs=tmp_path / "empty")
    with pytest.raises(UserError, match="nomodel"):
        ask(str(tmp_path / "nomodel"), "multa", docs=docs)
