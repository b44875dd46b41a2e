"""`program explain` tells a programme's terms from its file, its folder or its template's name."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from terms_actors import HERE, golden, told

from wallet_service.cli.explain import explain
from wallet_service.domain.errors import TemplateRefused

STAMPS = HERE / "programs" / "stamp_card.toml"


def run(*arguments: str) -> Result:
    """Return what the command answers."""
    return CliRunner().invoke(explain, arguments)


def test_a_file_is_told_in_one_language() -> None:
    """Without locales the programme's own names are used."""
    result = run(str(STAMPS), "--language", "en")
    assert result.exit_code == 0, result.output
    assert result.output == told("stamp_card", "en").replace("Free coffee", "Gift “free coffee”").replace(
        "for: coffee", "for: category “coffee”"
    )


def test_all_languages_are_told_by_themselves() -> None:
    """Without a wish every language is told under its code."""
    result = run(str(STAMPS))
    assert [each for each in result.output.splitlines() if each.startswith("===")] == [
        "=== en ===",
        "=== ru ===",
        "=== cs ===",
        "=== ro ===",
    ]


def test_a_folder_lends_its_words(tmp_path: Path) -> None:
    """The locales beside a program.toml name its things, and say which languages there are."""
    (tmp_path / "program.toml").write_text(STAMPS.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "locales").mkdir()
    words = '[unit]\none = "razítko"\nfew = "razítka"\nmany = "razítka"\nother = "razítek"\n'
    names = '[reward]\nfree-coffee = "Káva zdarma"\n[tag]\ncoffee = "káva"\n'
    (tmp_path / "locales" / "cs.toml").write_text(words + names, encoding="utf-8")
    for given in (tmp_path, tmp_path / "program.toml"):
        assert run(str(given)).output == golden("stamp_card", "cs").read_text(encoding="utf-8")


def test_a_template_is_found_by_its_name() -> None:
    """The name of a folder of `pass_templates/` is enough."""
    result = run("points", "--language", "cs")
    assert result.exit_code == 0, result.output
    assert "1 bod za 1,00\N{NO-BREAK SPACE}€ útraty" in result.output
    assert "Stránka: od začátku." in result.output


def test_what_is_not_there_is_named() -> None:
    """A name that leads nowhere is refused in words."""
    result = run("no-such-programme")
    assert result.exit_code == 2
    assert "no-such-programme" in result.output


def test_a_programme_with_faults_is_refused(tmp_path: Path) -> None:
    """A file that cannot be read is not told by half."""
    (tmp_path / "program.toml").write_text("schema = 1\nprogramm = 2\n", encoding="utf-8")
    with pytest.raises(TemplateRefused, match="programm"):
        CliRunner().invoke(explain, [str(tmp_path)], catch_exceptions=False)
    (tmp_path / "program.toml").write_bytes(b"\xff")
    with pytest.raises(TemplateRefused, match="not TOML"):
        CliRunner().invoke(explain, [str(tmp_path)], catch_exceptions=False)
