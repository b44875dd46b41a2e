"""A folder of `pass_templates/` is loaded whole, or refused with every fault named by file and key."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from wallet_service.apple import artwork
from wallet_service.domain.errors import Fault, TemplateRefused
from wallet_service.domain.template import Template
from wallet_service.storage import templates
from wallet_service.terms import as_text, explain

STARTERS = Path(__file__).parents[2] / "pass_templates"
Fill = Callable[[str, bytes | str], None]


def load(folder: Path) -> Template:
    """Load a template with the check of its pictures that the service uses."""
    return templates.load(folder, check_art=artwork.faults)


def faults(folder: Path) -> list[Fault]:
    """Return every fault for which the template is refused."""
    with pytest.raises(TemplateRefused) as refused:
        load(folder)
    return list(refused.value.faults)


def places(folder: Path) -> list[tuple[str, str]]:
    """Return file and key of every fault."""
    return [(each.place, each.key) for each in faults(folder)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the starter, to be broken."""
    return shutil.copytree(STARTERS / "points", tmp_path / "points")


def change(folder: Path, name: str, old: str, new: str) -> None:
    """Replace a text that stands exactly once in a file."""
    path = folder / name
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def png(width: int, height: int) -> bytes:
    """Return a picture of that size."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(buffer, "PNG")
    return buffer.getvalue()


def test_the_starter_is_sound() -> None:
    """Every folder that is shipped loads, with all its languages and pictures."""
    loaded = templates.load_all(STARTERS, check_art=artwork.faults)
    points = loaded["points"]

    assert len(loaded) == 10
    assert points.name == "points"
    assert set(points.words) == {"en", "ru", "cs", "ro"}
    assert set(points.art) == {"icon", "logo", "strip"}
    assert points.program.program.code == "points"


@pytest.mark.parametrize(
    ("name", "old", "new", "place", "message"),
    [
        (
            "program.toml",
            "[card]\ncoalesce_seconds",
            "[card]\ncoalesce_second",
            "card.coalesce_second",
            "'coalesce_seconds'",
        ),
        ("program.toml", "schema = 1", "schema = 1\ntime_zone = 2", "time_zone", "not a known key"),
        ("program.toml", "per = 100 ", 'per = "100" ', "earning_rule[0].per", "whole number"),
        ("program.toml", "threshold = 500", "threshold = 100", "tier[2].threshold", "higher"),
        ("program.toml", 'code = "novel"', 'code = "page"', "tier[2].code", "used twice"),
        ("program.toml", "threshold = 100", f"threshold = 0x{'f' * 5000}", "tier[1].threshold", "too large to show"),
        ("pass.toml", 'key = "tier"', 'key = "balance"', "secondary[0].key", "used twice"),
        ("pass.toml", 'key = "welcome"', 'key = "balance"', "message[0].key", "used twice"),
        ("pass.toml", 'text = "#fff8ec"', 'text = "#2b1f3e"', "colors.text", "contrast of 1.0"),
        ("pass.toml", 'value = "tier"', 'value = "teir"', "secondary[0].value", "'teir'"),
        ("pass.toml", 'strip = "art/strip.png"', 'strop = "art/strip.png"', "art.strop", "'strip'"),
        ("pass.toml", 'strip = "art/strip.png"', 'strip = "art/none.png"', "art.strip", "does not exist"),
        ("pass.toml", 'default_language = "en"', 'default_language = "de"', "default_language", "no locales/de.toml"),
        ("pass.toml", 'change = "@tier_changed"', 'change = "New tier"', "secondary[0].change", "%@"),
        (
            "pass.toml",
            "suppressStripShine = true",
            "suppressStripShine = 2026-06-01",
            "apple.suppressStripShine",
            "16 deep",
        ),
        ("locales/cs.toml", "tier_changed = ", "tier_change = ", "tier_changed", "refers to it at secondary[0].change"),
        ("locales/cs.toml", 'chapter = "Kapitola"', "", "tier.chapter", "is missing"),
        ("locales/cs.toml", 'many = "bodu"', "", "unit.many", "is missing"),
        ("locales/ru.toml", 'other = "балла"', "", "unit.other", "is missing"),
        ("locales/cs.toml", "kartě: %@", "kartě", "balance_changed", "%@ once"),
        ("locales/cs.toml", "kartě: %@", "kartě: %@ (%@)", "balance_changed", "%@ once"),
        ("locales/en.toml", "{points} to {tier}", "on to {tier}", "next_tier", "{points} and {tier}"),
        ("locales/en.toml", "{points} to {tier}", "{points} to {tier", "next_tier", "{points} and {tier}"),
        ("locales/en.toml", "{points} to {tier}", "{points:d} to {tier}", "next_tier", "{points} and {tier}"),
        ("locales/en.toml", "{points} to {tier}", "{points!z} to {tier}", "next_tier", "{points} and {tier}"),
        ("locales/en.toml", "{points} to {tier}", "{points.x} to {tier[0]}", "next_tier", "{points} and {tier}"),
        ("locales/en.toml", "Top tier reached", "{tier} reached", "top_tier", "no placeholder"),
        ("locales/en.toml", 'one = "point"', "one = 1", "unit.one", "must be a text"),
        ("locales/en.toml", 'welcome = "Welcome"', 'welcome = ""', "welcome", "1 to 2000"),
        ("locales/en.toml", 'welcome = "Welcome"', f'welcome = "{"W" * 2001}"', "welcome", "1 to 2000"),
    ],
)
def test_a_fault_is_named_by_file_and_key(
    folder: Path, name: str, old: str, new: str, place: str, message: str
) -> None:
    """Each kind of fault is told once, at its file and key, with what is wrong there."""
    change(folder, name, old, new)
    found = [each for each in faults(folder) if (each.place, each.key) == (name, place)]
    assert len(found) == 1
    assert message in found[0].message


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("program.toml", "threshold = 500", "threshold = 100"),
        ("pass.toml", 'text = "#fff8ec"', 'text = "#2b1f3e"'),
        ("pass.toml", 'default_language = "en"', ""),
        ("pass.toml", 'strip = "art/strip.png"', 'strip = "art/none.png"'),
        ("pass.toml", 'change = "@tier_changed"', 'change = "New tier"'),
        ("locales/cs.toml", 'many = "bodu"', ""),
        ("locales/cs.toml", "kartě: %@", "kartě"),
    ],
)
def test_one_mistake_is_one_fault(folder: Path, name: str, old: str, new: str) -> None:
    """A single mistake is reported alone, without others that only follow from it."""
    change(folder, name, old, new)
    assert [each.place for each in faults(folder)] == [name]


@pytest.mark.parametrize("table", ["unit", "tier", "reward", "entry", "cause"])
@pytest.mark.parametrize("value", ["5", "true", '"one other page"', '["one", "other"]', "2026-06-01"])
def test_words_of_the_wrong_shape_are_one_fault(folder: Path, table: str, value: str) -> None:
    """Where a table of words should stand, anything else is refused as what it is."""
    path = folder / "locales" / "en.toml"
    text = path.read_text()
    body, _, rest = text.partition(f"[{table}]\n")
    later = rest.partition("[")[1] + rest.partition("[")[2]  # points has no other tables, and gets one at the top
    path.write_text(f"{table} = {value}\n{body}{later}")
    assert [(each.key, each.message) for each in faults(folder)] == [(table, "must be a table of texts")]


@pytest.fixture
def stamp_card(tmp_path: Path) -> Path:
    """A copy of the stamp card, to be broken."""
    return shutil.copytree(STARTERS / "stamp_card", tmp_path / "stamp_card")


@pytest.mark.parametrize(
    ("name", "old", "new", "place", "message"),
    [
        ("locales/en.toml", 'free-coffee = "', 'free-cofee = "', "reward.free-cofee", "did you mean 'free-coffee'?"),
        ("locales/en.toml", "[reward]", '[reward]\nxyz = "X"', "reward.xyz", "remove it"),
        ("locales/en.toml", "[reward]", '[tier]\ngold = "Gold"\n\n[reward]', "tier.gold", "no [[tier]]"),
        ("locales/en.toml", "[reward]", '[cause]\na = "A"\n\n[reward]', "cause.a", "no [[cause]]"),
        ("locales/en.toml", "[reward]", '[partner]\na = "A"\n\n[reward]', "partner.a", "no [[partner]]"),
        ("locales/en.toml", "[reward]", '[benefit]\na = "A"\n\n[reward]', "benefit.a", "no [[benefit]]"),
        ("locales/en.toml", 'coffee = "coffee"', 'cofee = "coffee"', "tag.cofee", "did you mean 'coffee'?"),
        ("locales/en.toml", "[reward]", '[sku]\nA = "A"\n\n[reward]', "sku.A", "is no sku that program.toml speaks of"),
        ("locales/en.toml", "[reward]", '[rule]\ncoffees = "C"\n\n[reward]', "rule.coffees", "did you mean 'coffee'?"),
        ("locales/en.toml", "[reward]", '[rule]\nx = "X"\n\n[reward]', "rule.x", "no [[earning_rule]]"),
        ("locales/en.toml", "[reward]", '[campaign]\nx = "X"\n\n[reward]', "campaign.x", "no [[campaign]]"),
        ("locales/en.toml", "[reward]", '[property]\nx = "X"\n\n[reward]', "property.x", "is no property"),
        ("locales/en.toml", "[reward]", '[event]\n"order.payd" = "X"\n\n[reward]', "event.order.payd", "'order.paid'?"),
        ("locales/en.toml", "[reward]", '[entry]\nearned = "E"\n\n[reward]', "entry.earned", "did you mean 'earn'?"),
        ("locales/en.toml", "[reward]", "[entry]\nearn = 1\n\n[reward]", "entry.earn", "must be a text"),
        ("locales/cs.toml", 'free-coffee = "Káva zdarma"', "", "reward.free-coffee", "is missing"),
        ("locales/en.toml", "{filled} of {of}", "{filled}", "stamps", "{filled} and {of}"),
        ("locales/en.toml", "{points} until {date}", "{points} until {day}", "next_expiry", "{date} and {points}"),
        ("pass.toml", 'of = "free-coffee"', 'of = "free-tea"', "stamps.of", "no reward of that code"),
        ("pass.toml", 'of = "free-coffee"', "of = 31", "stamps.of", "30"),
        ("pass.toml", 'of = "free-coffee"', "of = 0", "stamps.of", "1 to 30"),
        ("program.toml", "cost = 9 ", "cost = 31 ", "stamps.of", "room for 30"),
        ("pass.toml", 'stamp = "art/stamp.png"', "", "art.stamp", "both pictures"),
        ("pass.toml", "columns = 5", "column = 5", "stamps.column", "'columns'"),
        ("pass.toml", '[[secondary]]\nkey = "granted"', '[[primary]]\nkey = "granted"', "primary[0]", "across"),
        ("pass.toml", 'value = "stamps"', 'value = "balance"', "stamps", "a picture alone"),
        ("pass.toml", 'value = "stamps"', 'value = "tier"', "header[0].value", "no [tiers]"),
    ],
)
def test_a_fault_of_what_a_card_can_show_is_named(
    stamp_card: Path, name: str, old: str, new: str, place: str, message: str
) -> None:
    """Names, stamps, and values are checked against the programme, each at its file and key."""
    change(stamp_card, name, old, new)
    where = "pass.toml" if place == "stamps.of" else name
    found = [each for each in faults(stamp_card) if (each.place, each.key) == (where, place)]
    assert len(found) == 1
    assert message in found[0].message


def test_the_terms_call_things_as_the_words_do(tmp_path: Path) -> None:
    """Rules, campaigns, events, properties, goods, and benefits without a table have names in the words."""
    folder = shutil.copytree(STARTERS / "sephora_like", tmp_path / "beauty")
    change(folder, "program.toml", 'when = { member = "birthday_month" }', 'match = { skus = ["S-1"], tags = ["new"] }')
    names = """
[rule]
purchase = "Shopping"
[campaign]
birthday-month-double = "Twice the joy"
[event]
"review.approved" = "your opinion"
[property]
has_photo = "with your photo"
[sku]
S-1 = "the rose soap"
[tag]
new = "novelties"
"""
    path = folder / "locales" / "en.toml"
    path.write_text(path.read_text() + names)
    template = load(folder)
    told = as_text(explain(template.program, template.words["en"], "en"))
    wanted = ("Shopping: 1 point", "Twice the joy.", "Your opinion: 5 points", "With your photo: 10 points more")
    for each in (*wanted, "Only for: the rose soap; novelties.", "• A birthday gift. Tiers:"):
        assert each in told


def test_names_may_come_from_the_programme(stamp_card: Path) -> None:
    """What has a name in program.toml needs none in a locale, which may still give it another."""
    change(stamp_card, "program.toml", 'code = "free-coffee"', 'code = "free-coffee"\nname = "A coffee"')
    change(stamp_card, "locales/cs.toml", 'free-coffee = "Káva zdarma"', "")
    words = load(stamp_card).words
    assert words["cs"].name("reward", "free-coffee", "A coffee") == "A coffee"
    assert words["en"].name("reward", "free-coffee", "A coffee") == "Free coffee"


def test_entries_have_words_in_our_languages_and_may_have_others(stamp_card: Path) -> None:
    """A locale may call a kind of entry otherwise; one in a language that we have no words in must name them all."""
    change(stamp_card, "locales/en.toml", "[reward]", '[entry]\nearn = "Stamped"\n\n[reward]')
    words = load(stamp_card).words["en"]
    assert (words.name("entry", "earn"), words.name("entry", "expire")) == ("Stamped", "Expired")

    shutil.copy(stamp_card / "locales" / "en.toml", stamp_card / "locales" / "de.toml")
    missing = {key for place, key in places(stamp_card) if place == "locales/de.toml"}
    assert "entry.redeem" in missing
    assert "entry.earn" not in missing


SOON = '\n[[trigger]]\ncode = "{}"\non = "points.expiring"\nlead = "P{}D"\nnotify = ["pass"]\n'


@pytest.fixture
def reminding(tmp_path: Path) -> Path:
    """A copy of the starter whose card reminds of a birthday, and of points 30 and 7 days before they die."""
    folder = shutil.copytree(STARTERS / "sephora_like", tmp_path / "reminding")
    with (folder / "program.toml").open("a") as rules:
        rules.write(SOON.format("soon", 30) + SOON.format("last", 7))
    for words in folder.glob("locales/*.toml"):
        own = 'soon = "{points} until {date}"\nlast = "Last days: {points}, {date}"\n'
        words.write_text(words.read_text() + own)
    return folder


def test_reminders_have_the_words_of_their_triggers(reminding: Path) -> None:
    """Each trigger may say what it reminds of in its own words, and says what is usual where it does not."""
    load(reminding)
    change(reminding, "locales/en.toml", 'birthday-gift = "A birthday gift awaits you"\n', "")
    load(reminding)


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ('last = "Last days: {points}, {date}"\n', "", "trigger.last", "is missing; add it"),
        ('last = "Last days: {points}, {date}"', 'last = "Last days"', "trigger.last", "{date} and {points}"),
        ('last = "Last days: {points}, {date}"', 'last = "{points!r} {date}"', "trigger.last", "{date} and {points}"),
        ('last = "Last days: {points}, {date}"\n', 'last = "{points} {date}"\nlate = "x"\n', "trigger.late", "'last'"),
        ('next_expiry = "{points} until {date}"\n', "", "next_expiry", "is missing"),
    ],
)
def test_a_reminder_that_could_not_be_said_is_a_fault(
    reminding: Path, old: str, new: str, key: str, message: str
) -> None:
    """Two triggers that speak of the same points need words to be told apart; placeholders are checked."""
    change(reminding, "locales/en.toml", old, new)
    (fault,) = faults(reminding)
    assert (fault.place, fault.key) == ("locales/en.toml", key)
    assert message in fault.message


def test_a_language_without_usual_words_needs_its_own(reminding: Path) -> None:
    """What a birthday says in a language that we have no words for stands in its locale."""
    shutil.copy(reminding / "locales/en.toml", reminding / "locales/de.toml")
    change(reminding, "locales/de.toml", 'birthday-gift = "A birthday gift awaits you"\n', "")
    assert ("locales/de.toml", "trigger.birthday-gift") in places(reminding)


@pytest.mark.parametrize("name", ["stamp", "stamp_empty"])
def test_a_picture_of_a_stamp_is_checked_like_others(stamp_card: Path, name: str) -> None:
    """One that is no picture, or too small, is named by its key."""
    for content, message in ((b"", "not an image"), (png(40, 40), "too small")):
        (stamp_card / "art" / f"{name}.png").write_bytes(content)
        (fault,) = faults(stamp_card)
        assert fault.key == f"art.{name}"
        assert message in fault.message


def test_money_needs_no_plural_forms(tmp_path: Path) -> None:
    """Where the unit is money, or there is none, no locale has to say its forms."""
    for name in ("peak_design_like", "paid_vip"):
        folder = shutil.copytree(STARTERS / name, tmp_path / name)
        assert load(folder).words["en"].unit == {}


def test_what_was_parsed_is_not_changed(folder: Path) -> None:
    """Two loads of the same files give the same, though they share what was parsed."""
    assert load(folder).words["ru"].strings == load(folder).words["ru"].strings
    change(folder, "locales/en.toml", 'welcome = "Welcome"', 'welcome = "Hello"')
    assert load(folder).words["en"].strings["welcome"] == "Hello"


def test_a_string_that_one_language_has_all_have(folder: Path) -> None:
    """A string that only one locale knows is missing in each of the others."""
    change(folder, "locales/en.toml", "label_terms =", 'greeting = "Hi"\nlabel_terms =')
    assert places(folder) == [(f"locales/{each}.toml", "greeting") for each in ("cs", "ro", "ru")]


@pytest.mark.parametrize("name", ["program.toml", "pass.toml", "locales/cs.toml"])
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"a = ", id="unfinished"),
        pytest.param(b"a = 1\na = 2", id="key twice"),
        pytest.param(b'a = "\xff"', id="Latin-1"),
        pytest.param("a = 'ж'".encode("utf-16"), id="UTF-16"),
        pytest.param(b"\0", id="NUL"),
        pytest.param(b"a = " + b"[" * 20_000, id="deep"),
        pytest.param(b"a = " + b"{b = " * 20_000, id="deep tables"),
        pytest.param(b"a = " + b"9" * 5000, id="endless number"),
        pytest.param(b"a = 2026-13-45", id="no date"),
    ],
)
def test_what_is_not_toml_is_refused(folder: Path, name: str, content: bytes) -> None:
    """A file that cannot be parsed is named as a whole, with the reason."""
    (folder / name).write_bytes(content)
    (fault,) = [each for each in faults(folder) if (each.place, each.key) == (name, "")]
    assert fault.message.startswith("is not TOML in UTF-8: ")


def test_keys_within_keys_without_end_are_refused(folder: Path) -> None:
    """A dotted key of thousands of parts under [apple] parses, but is refused before a card is drawn with it."""
    with (folder / "pass.toml").open("a") as file:
        file.write(".".join(["deep"] * 3000) + " = 1\n")
    assert places(folder) == [("pass.toml", "apple.deep")]


def test_editors_of_windows_may_write_templates(folder: Path) -> None:
    """A byte order mark and carriage returns are no fault."""
    for path in folder.rglob("*.toml"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert "\r" not in load(folder).words["en"].strings["terms"]


@pytest.mark.parametrize("name", ["program.toml", "pass.toml"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    """Without its rules or its look a template is refused."""
    (folder / name).unlink()
    assert (name, "") in places(folder)


@pytest.mark.parametrize("name", ["program.toml", "pass.toml", "locales/en.toml"])
def test_an_empty_file_is_refused(folder: Path, name: str) -> None:
    """An empty file is TOML, but says nothing that is needed."""
    (folder / name).write_bytes(b"")
    assert name in {each.place for each in faults(folder)}


def test_a_template_without_words_is_refused(folder: Path) -> None:
    """The default language must be there."""
    shutil.rmtree(folder / "locales")
    assert places(folder) == [("pass.toml", "default_language")]


@pytest.mark.parametrize("language", ["xx", "EN", "pt_BR", "en-GB", "x", "1", "default", "english"])
def test_a_locale_is_named_after_a_language(folder: Path, language: str) -> None:
    """A name that no member's wish would ever find is refused, instead of never being used."""
    shutil.copy(folder / "locales" / "en.toml", folder / "locales" / f"{language}.toml")
    assert places(folder) == [(f"locales/{language}.toml", "")]


@pytest.mark.parametrize("name", ["icon", "logo", "strip"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "not an image", id="empty"),
        pytest.param(b"<svg/>", "not an image", id="text"),
        pytest.param(png(40, 40), "too small", id="small"),
        pytest.param(png(1200, 1200)[:-400], "not an image", id="cut short"),
    ],
)
def test_a_picture_that_phones_cannot_use_is_refused(folder: Path, name: str, content: bytes, message: str) -> None:
    """Pictures that are none, or would be blurred, are named by the key that refers to them."""
    (folder / "art" / f"{name}.png").write_bytes(content)
    (fault,) = faults(folder)
    assert (fault.place, fault.key) == ("pass.toml", f"art.{name}")
    assert message in fault.message


def test_all_faults_are_told_at_once(folder: Path) -> None:
    """Faults in every file of a template stand in one message, sorted by file and key."""
    change(folder, "program.toml", "threshold = 500", "threshold = 100")
    change(folder, "pass.toml", 'label = "#f2c583"', 'label = "#2b1f3d"')
    change(folder, "pass.toml", 'strip = "art/strip.png"', 'strip = "art/none.png"')
    change(folder, "locales/cs.toml", 'many = "bodu"', "")
    change(folder, "locales/ro.toml", 'acum %@"\ntier', 'acum"\ntier')
    (folder / "locales" / "ru.toml").write_text("a = ")
    (folder / "art" / "icon.png").write_bytes(b"")

    assert places(folder) == [
        ("locales/cs.toml", "unit.many"),
        ("locales/ro.toml", "balance_changed"),
        ("locales/ru.toml", ""),
        ("pass.toml", "art.icon"),
        ("pass.toml", "art.strip"),
        ("pass.toml", "colors.label"),
        ("program.toml", "tier[2].threshold"),
    ]


def test_nothing_is_loaded_by_half(tmp_path: Path) -> None:
    """One unsound folder among sound ones refuses them all, so that the service never runs with a part."""
    for name in ("a", "b", "c"):
        copy_as(name, tmp_path)
    assert set(templates.load_all(tmp_path, check_art=artwork.faults)) == {"a", "b", "c"}

    (tmp_path / "b" / "locales" / "en.toml").unlink()
    with pytest.raises(TemplateRefused, match=r"The template b cannot be used\.\n  pass\.toml: default_language"):
        templates.load_all(tmp_path, check_art=artwork.faults)


def copy_as(name: str, folder: Path) -> None:
    """Copy the starter under another name, with a programme of its own."""
    shutil.copytree(STARTERS / "points", folder / name)
    program = folder / name / "program.toml"
    program.write_text(program.read_text().replace('[program]\ncode = "points"', f'[program]\ncode = "{name}"'))


def test_two_templates_of_one_programme_are_refused(tmp_path: Path) -> None:
    """A copy that kept its programme's code is refused, because cards would have two looks."""
    copy_as("a", tmp_path)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    with pytest.raises(TemplateRefused, match=r"b/program\.toml: program\.code: 'a' is that of a, too"):
        templates.load_all(tmp_path, check_art=artwork.faults)


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_a_folder_without_templates_is_refused(tmp_path: Path, name: str) -> None:
    """An empty or missing folder is told apart from a service without programmes."""
    with pytest.raises(TemplateRefused, match="set WALLET_TEMPLATES"):
        templates.load_all(tmp_path / name, check_art=artwork.faults)


def test_the_version_follows_every_file(folder: Path) -> None:
    """Changing any file of a template changes its version, and changing it back gives the old one again."""
    first = load(folder).version
    versions = {first}
    for name in ("program.toml", "pass.toml", "locales/ro.toml", "art/icon.png"):
        before = (folder / name).read_bytes()
        (folder / name).write_bytes(before + b"\n# a comment, or bytes behind the picture\n")
        versions.add(load(folder).version)
        (folder / name).write_bytes(before)
    assert len(versions) == 5
    assert load(folder).version == first


KEYS = st.sampled_from(["unit", "tier", "schema", "brand", "colors", "header", "art", "apple", "program", "x"])
VALUES = st.recursive(
    st.one_of(st.integers(), st.booleans(), st.text("abc@%{}", max_size=5), st.just(float("nan"))),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)


def toml(value: object) -> str:
    """Return a value as TOML writes it within a line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str):
        return f"'{value}'"
    return str(value).lower()


@given(
    st.sampled_from(["program.toml", "pass.toml", "locales/en.toml"]),
    st.dictionaries(KEYS, VALUES, max_size=4),
)
@settings(max_examples=40, deadline=None)
def test_no_file_of_any_shape_breaks_the_reader(
    tmp_path_factory: pytest.TempPathFactory, name: str, tables: dict[str, object]
) -> None:
    """Whatever well-formed TOML stands in a file, the template is refused in words and never with another error."""
    folder = shutil.copytree(STARTERS / "points", tmp_path_factory.mktemp("any") / "points")
    (folder / name).write_text("\n".join(f"{key} = {toml(value)}" for key, value in tables.items()))
    assert name in {each.place for each in faults(folder)}
