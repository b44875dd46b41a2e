"""`wallet-service program lint` names faults and advice, and ends with 1 where a programme is refused."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wallet_service.cli import main

SOUND = (Path(__file__).parents[1] / "programs" / "small_shop.toml").read_text()
STARTERS = Path(__file__).parents[2] / "pass_templates"


def lint(*arguments: object) -> Result:
    """Run the command as one calls it, with the templates that are shipped."""
    environment = {"WALLET_TEMPLATES": str(STARTERS)}
    return CliRunner().invoke(main, ["program", "lint", *map(str, arguments)], env=environment)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a sound programme."""
    path = tmp_path / "shop.toml"
    path.write_text(SOUND)
    return path


def test_a_sound_file_is_said_to_be_sound(file: Path) -> None:
    """Without faults and advice the command ends well."""
    done = lint(file)
    assert (done.exit_code, done.output) == (0, f"{file}: is sound\n")


def test_a_fault_is_named_by_place_and_key(file: Path) -> None:
    """A fault stands on a line of its own, and the command ends with 1."""
    file.write_text(SOUND.replace('reward = "five-off"', 'reward = "five-of"'))
    done = lint(file)
    message = "names 'five-of', which no [[reward]] has; did you mean 'five-off'?"
    assert (done.exit_code, done.output) == (1, f"{file}: referral.referee.reward: {message}\n")


def test_advice_is_marked_and_refuses_nothing(file: Path) -> None:
    """Advice is told as such, and the command ends well; the median order is the shop's own."""
    file.write_text(SOUND.replace("cost = 60", "cost = 80"))
    assert lint(file).output == f"{file}: is sound\n"
    done = lint(file, "--order", 300)
    assert done.exit_code == 0
    assert f"{file}: reward[2].cost: advice: is the cheapest, and takes 27 orders of 3.00 EUR" in done.output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = ", "is not TOML in UTF-8"),
        (b"\xff", "is not TOML in UTF-8"),
        (b"[tier]\n[tier]\n", "write it once, or [[tier]] each time where there may be several"),
        (b"schema = 2", "program: is missing; add it"),
    ],
)
def test_what_cannot_be_read_is_a_fault(file: Path, content: bytes, message: str) -> None:
    """A file that is no TOML, or no programme, is refused in words."""
    file.write_bytes(content)
    done = lint(file)
    assert done.exit_code == 1
    assert message in done.output


def test_every_file_of_a_folder_is_linted(file: Path) -> None:
    """In a folder of programmes each is told of, and one fault among them ends the command with 1."""
    (file.parent / "wrong.toml").write_text(SOUND.replace("schema = 1", "schema = 2"))
    done = lint(file.parent)
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        f"{file}: is sound",
        f"{file.parent / 'wrong.toml'}: schema: should be 1 (found 2)",
    ]


def test_a_template_is_found_by_its_name_or_folder() -> None:
    """Of a template, and of each in a folder of them, only its programme is linted."""
    rules = STARTERS / "points" / "program.toml"
    outputs = [lint(each).output for each in ("points", rules.parent, rules)]
    assert outputs == [f"{rules}: is sound\n"] * 3
    sound = [f"{each}: is sound" for each in sorted(STARTERS.glob("*/program.toml"))]
    assert lint(STARTERS).output.splitlines() == sound


def test_a_name_that_names_nothing_is_refused() -> None:
    """What is no file, no folder and no template is a wrong use of the command."""
    done = lint("nowhere")
    assert done.exit_code == 2
    assert "no template of that name" in done.output


def test_a_template_without_rules_is_said_to_have_none(tmp_path: Path) -> None:
    """Its look is not read as if it were a programme: the missing file is named, whatever else stands there."""
    (tmp_path / "pass.toml").write_text((STARTERS / "points" / "pass.toml").read_text())
    for more in ((), ("other.toml",)):
        for name in more:
            (tmp_path / name).write_text(SOUND)
        done = lint(tmp_path)
        assert done.exit_code == 2
        assert "there is no program.toml in the template" in done.output
        assert "is not a known key" not in done.output
