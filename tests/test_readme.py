"""What the README shows works as written."""

import re
from pathlib import Path, PurePosixPath

from data.cards import load_card

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_card_in_the_readme_loads_and_names_the_patient(tmp_path: Path) -> None:
    block = re.search(r"(?m)^    format = 1\n(?:    .*\n)+", README)
    assert block
    card = tmp_path / "my-set.toml"
    card.write_text(re.sub(r"(?m)^    ", "", block[0]), encoding="utf-8")
    name = load_card(str(card)).read(PurePosixPath("L2/patient12_0001.png"))
    assert name is not None
    assert (name.label, name.patient) == ("L2", "12")


def test_every_file_that_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).is_file()] == []
