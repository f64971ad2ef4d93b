"""Cards on the command line: the list of them, one whole, and a first one for a folder."""

from pathlib import Path

import pytest

from data.cards import card_names, load_card
from data.errors import BlastlineError
from data.origin import ORIGIN, Origin
from pipeline.cards import new_card, show_card, show_cards
from tests.data.folders import put
from tests.pipeline.commands import REFUSED, Guarded


def test_all_cards_are_listed_with_terms_and_caveats(capsys: pytest.CaptureFixture[str]) -> None:
    show_cards()
    out = " ".join(capsys.readouterr().out.split())
    for name in card_names():
        card = load_card(name)
        for text in (name, card.title, card.licence, card.citation, card.where, *card.caveats):
            assert set(text.split()) <= set(out.replace("doi:", "").split()) or text in out, text
        assert card.doi in out


def test_one_card_is_shown_whole(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    show_card("cnmc2019")
    out = "".join(capsys.readouterr().out.split())
    card = load_card("cnmc2019")
    shown = (card.pattern, card.table[0].file[0], *card.examples, "(positive:all)", card.purpose)
    for text in shown:
        assert text.replace(" ", "") in out
    with pytest.raises(BlastlineError, match="has no card"):
        show_card("nothing")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "Our cells"
    put(root, *(f"{label}/P{who}_{n}.png" for label in ("L1", "L2") for who in range(6)
                for n in "12"))  # fmt: skip
    return root


def test_a_new_card_describes_the_folder_and_scans_it(folder: Path, guarded: Guarded) -> None:
    card = folder.parent / "ours.toml"
    done = guarded("card", "new", folder, "--out", card)
    assert (done.code, done.err) == (0, "")
    assert "describes 24 of 24 images" in done.out
    assert "guessed: 6 patients" in done.out
    assert "not known: the positive one" in done.out
    assert load_card(str(card)).name == "our_cells"
    work = folder.parent / "runs"
    done = guarded("scan", "--dataset", card, "--images", folder, "--work", work, "--folds", "2")
    assert (done.code, done.err) == (0, "")
    assert "6 groups (by patient) in 2 folds" in done.out


def test_a_new_card_hints_at_what_no_path_can_tell(folder: Path, guarded: Guarded) -> None:
    card = folder.parent / "ours.toml"
    guarded("card", "new", folder, "--out", card)
    assert load_card(str(card)).origin == Origin()
    text = card.read_text(encoding="utf-8")
    for name in ORIGIN:
        assert text.count(f'# {name} = ""') == 1
        text = text.replace(f'# {name} = ""', f'{name} = "our {name}"')
    card.write_text(text, encoding="utf-8")
    assert load_card(str(card)).origin == Origin(**{name: f"our {name}" for name in ORIGIN})
    show_card(str(card))


def test_no_file_is_ever_overwritten(folder: Path, guarded: Guarded) -> None:
    card = folder.parent / "mine.toml"
    card.write_text("mine", encoding="utf-8")
    done = guarded("card", "new", folder, "--out", card)
    assert done.code == REFUSED
    assert "is there already" in done.complaint
    assert card.read_text(encoding="utf-8") == "mine"
    (folder.parent / "link.toml").symlink_to(folder.parent / "elsewhere.toml")
    with pytest.raises(BlastlineError, match="is there already"):
        new_card(folder, folder.parent / "link.toml")


def test_the_card_is_called_after_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert new_card(Path(), None) == Path("Our cells.toml")
    assert load_card("Our cells.toml").classes == ("L1", "L2")


def test_a_folder_without_images_and_bad_names_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BlastlineError, match="no such folder"):
        new_card(tmp_path / "nowhere", None)
    with pytest.raises(BlastlineError, match=r"ends in \.toml"):
        new_card(folder, tmp_path / "card.txt")
    put(tmp_path / "texts", "a.txt", "b.csv")
    with pytest.raises(BlastlineError, match="no image among the paths; found 2 files"):
        new_card(tmp_path / "texts", tmp_path / "card.toml")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b'path,label\n"open', b"a;b\n1;2\n"])
def test_a_csv_file_that_is_none_is_no_table(folder: Path, content: bytes) -> None:
    (folder / "labels.csv").write_bytes(content)
    card = load_card(str(new_card(folder, folder.parent / "card.toml")))
    assert (card.classes, card.table) == (("L1", "L2"), ())
