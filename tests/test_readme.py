"""The README says what the code does."""

import re
from pathlib import Path

from click.testing import CliRunner

from wallet_service.cli import PLACES, main
from wallet_service.config import PREFIX, Settings, secret_names
from wallet_service.domain.news import TYPES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def settings_table() -> str:
    """Return the table that the code's settings make."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        star = " (or `_FILE`)" if name in secret_names() else ""
        lines.append(f"| `{PREFIX}{name.upper()}`{star} | {default} | {field.description} |")
    return "\n".join(lines)


def test_settings_table_is_the_codes() -> None:
    """Every setting stands in the README with its default and meaning, and nothing else does."""
    written = README.split("<!-- settings -->")[1].split("<!-- /settings -->")[0]

    assert written.strip() == settings_table()


def test_commands_exist() -> None:
    """Every command that the README names has a help text with a description."""
    named = set(re.findall(r"`wallet-service ([a-z-]+)", README)) | {"worker", "sandbox"}
    for name in named:
        shown = CliRunner().invoke(main, [name, "--help"])
        assert shown.exit_code == 0, name
        assert "Usage:" in shown.output


def test_every_command_is_in_the_readme() -> None:
    """No command is left out."""
    for name in PLACES:
        assert f"`wallet-service {name}" in README or f"`{name}`" in README, name


def test_every_type_of_message_is_in_the_readme() -> None:
    """The table of what merchants are told names every type there is, and no other."""
    table = README.split("| types | told when |")[1].split("\n\n")[0]
    named = set()
    for row in table.splitlines()[2:]:
        family = ""
        for name in re.findall(r"`([a-z]*\.[a-z]+)`", row.split("|")[1] + row.split("|")[2]):
            family = name.split(".")[0] or family
            named.add(f"{family}.{name.split('.')[1]}")
    assert named == set(TYPES)


def test_links_lead_somewhere() -> None:
    """Every file that a document links to exists."""
    for page in (ROOT / "README.md", *ROOT.glob("docs/**/*.md"), ROOT / "certs_example" / "README.md"):
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
