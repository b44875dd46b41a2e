"""The command that tries programmes out tells what it found in words that can be read."""

from pathlib import Path

from click.testing import CliRunner
from starter_actors import STARTERS

from wallet_service.cli import main

RULES = (STARTERS / "small_shop" / "program.toml").read_text(encoding="utf-8")


def simulated(*arguments: str) -> str:
    """Return what the command says of a year of ten customers."""
    done = CliRunner().invoke(main, ["program", "simulate", "--customers", "10", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_two_files_stay_apart_however_long_their_paths_are(tmp_path: Path) -> None:
    """Each of two programmes has its whole name above its numbers, which stand below it."""
    files = [tmp_path / name / "a_long_folder" / "program.toml" for name in ("before", "after")]
    for file, points in zip(files, ("1", "2"), strict=True):
        file.parent.mkdir(parents=True)
        file.write_text(RULES.replace("points = 1\n", f"points = {points}\n"), encoding="utf-8")
    *_, head = (line for line in simulated(str(files[0]), "--compare", str(files[1])).splitlines() if "after" in line)
    assert head.split() == [str(each) for each in files]


def test_one_order_is_one_order() -> None:
    """Numbers are told in the right form."""
    assert "half of them after 1 order; 0 never." in simulated("small_shop")
