"""Who may import whom: the rooms keep to their walls, and every module to a few habits."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = "wallet_service"
ANY = frozenset(("anything",))

# A module at the top level is a room of its own. What a room may import of ours, besides itself:
WALLS: dict[str, frozenset[str]] = {
    "domain": frozenset(),
    "storage": frozenset(("domain",)),
    "apple": frozenset(("domain",)),
    "google": frozenset(("domain",)),
    "inbound": frozenset(("domain",)),
    "outbound": frozenset(("domain",)),
    "mail": frozenset(("domain",)),
    "terms": frozenset(("domain",)),
    "sandbox": frozenset(("domain",)),
    "usecases": frozenset(("domain", "storage")),
    "web": frozenset(("domain", "inbound", "links", "posters", "terms", "usecases", "wiring")),
    "wiring": frozenset(
        (
            *("apple", "config", "domain", "google", "inbound", "links", "logs", "mail", "outbound", "sandbox"),
            *("storage", "strip", "usecases"),
        )
    ),
    "worker": frozenset(("domain", "usecases")),
    "client": frozenset(),
    "config": frozenset(("domain",)),
    "links": frozenset(("domain",)),
    "posters": frozenset(("domain",)),
    "logs": frozenset(),
    "strip": frozenset(("domain",)),
    "surroundings": frozenset(),
    # processes, which put the rooms together
    "__main__": ANY,
    "cli": ANY,
    "demo": ANY,
    "doctor": ANY,
    "reconciling": ANY,
    "serving": ANY,
    "stage": ANY,
}
# What of others' a room may import.
THIRD_PARTY: dict[str, frozenset[str]] = {
    "domain": frozenset(("msgspec", "pydantic")),
    "storage": frozenset(
        ("alembic", "babel", "cryptography", "msgspec", "orjson", "psycopg", "sqlalchemy", "structlog")
    ),
    "apple": frozenset(("PIL", "cryptography", "orjson", "pycurl")),
    "google": frozenset(("PIL", "cryptography", "google", "orjson", "requests")),
    "inbound": frozenset(("pydantic", "standardwebhooks")),
    "outbound": frozenset(("pycurl",)),
    "mail": frozenset(("jinja2", "structlog")),
    "terms": frozenset(("babel",)),
    "sandbox": frozenset(
        (
            "PIL",
            "asn1crypto",
            "babel",
            "cryptography",
            "flask",
            "h2",
            "hyperframe",
            "markupsafe",
            "qrcode",
            "requests",
            "standardwebhooks",
            "werkzeug",
        )
    ),
    "usecases": frozenset(("msgspec", "sqlalchemy", "structlog")),
    "web": frozenset(
        (
            "flask",
            "itsdangerous",
            "markupsafe",
            "prometheus_client",
            "pydantic",
            "pydantic_core",
            "structlog",
            "werkzeug",
        )
    ),
    "wiring": frozenset(("orjson", "requests", "sqlalchemy", "structlog")),
    "worker": frozenset(("structlog",)),
    "client": frozenset(("requests",)),
    "config": frozenset(("pydantic", "structlog")),
    "links": frozenset(("cryptography", "itsdangerous")),
    "posters": frozenset(("PIL", "qrcode", "reportlab")),
    "logs": frozenset(("structlog",)),
    "strip": frozenset(("PIL",)),
    "surroundings": frozenset(),
    "__main__": frozenset(),
    "cli": frozenset(("click", "structlog")),
    "demo": frozenset(("sqlalchemy", "structlog")),
    "doctor": frozenset(("requests", "structlog")),
    "reconciling": frozenset(("click",)),
    "serving": frozenset(("flask", "granian", "structlog")),
    "stage": frozenset(("click", "requests", "structlog")),
}
STANDARD = sys.stdlib_module_names | {"_typeshed"}
VENDORS = ("apple", "apns", "pkpass", "google", "flask", "werkzeug", "jinja")
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time")}


@dataclass(frozen=True)
class Module:
    """A module of ours: its dotted name, and what is written in it."""

    name: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The room it stands in; a top-level module is its own."""
        return [*self.name.split("."), ""][1]

    def imports(self) -> Iterator[str]:
        """Yield the dotted name of everything it imports."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (each.name for each in node.names)
            elif isinstance(node, ast.ImportFrom):
                package = self.name.rsplit(".", node.level)[0] if node.level else ""
                yield from (".".join(filter(None, (package, node.module, each.name))) for each in node.names)

    def hidden_imports(self) -> list[int]:
        """Return the lines of imports that do not stand at the top level, where everybody sees them."""
        open_ones = {id(each) for block in (self.tree.body, *map(_only_for_types, self.tree.body)) for each in block}
        nodes = (each for each in ast.walk(self.tree) if isinstance(each, ast.Import | ast.ImportFrom))
        calls = (each for each in ast.walk(self.tree) if isinstance(each, ast.Call) and _called(each) in IMPORTERS)
        return [each.lineno for each in nodes if id(each) not in open_ones] + [each.lineno for each in calls]

    def clocks(self) -> list[int]:
        """Return the lines that read the clock."""
        found = (each for each in ast.walk(self.tree) if isinstance(each, ast.Attribute))
        return [
            each.lineno for each in found if isinstance(each.value, ast.Name) and (each.value.id, each.attr) in CLOCKS
        ]

    def names(self) -> set[str]:
        """Return every name that the module uses or gives."""
        found = set(self.imports())
        for node in ast.walk(self.tree):
            found |= {
                getattr(node, part) for part in ("id", "attr", "arg", "name") if isinstance(getattr(node, part, 0), str)
            }
        return found


IMPORTERS = ("__import__", "import_module", "exec", "eval")


def _called(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def _only_for_types(node: ast.stmt) -> list[ast.stmt]:
    """Return the body of `if TYPE_CHECKING:`, which never runs."""
    return node.body if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING" else []


def read(path: Path) -> Module:
    """Return a module that stands in a file below the root."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name, ast.parse(path.read_text(encoding="utf-8")))


MODULES = [read(path) for path in sorted((ROOT / OURS).rglob("*.py"))]
NAMES = {each.name for each in MODULES}


def module_of(imported: str) -> str:
    """Return the module of ours that an imported name stands in: the longest one of that name."""
    parts = imported.split(".")
    return next(name for end in range(len(parts), 0, -1) if (name := ".".join(parts[:end])) in NAMES)


def breaches(module: Module) -> list[str]:
    """Return everything that a module imports through a wall."""
    ours = [each for each in module.imports() if each.split(".")[0] == OURS]
    others = {each.split(".")[0] for each in module.imports()} - {OURS} - STANDARD
    allowed = WALLS.get(module.room, frozenset()) | {module.room}
    rooms = {Module(module_of(each), module.tree).room for each in ours} - {""}
    through = set() if allowed >= ANY else rooms - allowed
    return sorted(through | (others - THIRD_PARTY.get(module.room, frozenset())))


def test_no_module_imports_through_a_wall() -> None:
    """Each room imports only the rooms and the libraries that it may."""
    assert {each.name: found for each in MODULES if (found := breaches(each))} == {}


def test_no_import_is_hidden() -> None:
    """All imports stand at the top of their module, where a reader and these tests find them, but those of commands."""
    hidden = {each.name for each in MODULES if each.hidden_imports()}
    assert hidden == {"wallet_service.cli.commands"}  # it loads what a table names, which a test reads


def test_every_module_says_what_it_is() -> None:
    """A module begins with a docstring whose first line is whole, and alone."""
    docstrings = {each.name: (ast.get_docstring(each.tree) or "").splitlines() for each in MODULES}
    assert {
        name for name, lines in docstrings.items() if not lines or lines[0][-1] not in ".:" or any(lines[1:2])
    } == set()


def test_only_the_wiring_reads_the_clock() -> None:
    """Time is an argument everywhere else."""
    assert {each.name for each in MODULES if each.clocks()} == {f"{OURS}.wiring"}


def test_use_cases_know_no_vendor_and_no_web() -> None:
    """No name that a use case uses or gives speaks of a vendor or of Flask."""
    use_cases = [each for each in MODULES if each.room == "usecases"]
    words = {word.lower() for each in use_cases for name in each.names() for word in re.split(r"[._]", name)}
    assert len(use_cases) > 5
    assert {word for word in words if word.startswith(VENDORS)} == set()


def test_no_modules_import_each_other() -> None:
    """There is an order in which all modules could be read one after the other."""
    graph = {
        each.name: {module_of(name) for name in each.imports() if name.split(".")[0] == OURS} - {each.name}
        for each in MODULES
    }
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
    assert set(order) == NAMES


def test_every_room_has_its_walls() -> None:
    """A new room or process is entered in both tables, and none that is gone stays in them."""
    rooms = {each.room for each in MODULES} - {""}
    assert rooms == WALLS.keys() == THIRD_PARTY.keys()
    assert len(MODULES) > 50


@pytest.mark.parametrize(
    ("name", "source", "through"),
    [
        ("domain.x", "import sqlalchemy", ["sqlalchemy"]),
        ("domain.x", "from wallet_service.storage import ledger", ["storage"]),
        ("domain.x", "from wallet_service import config", ["config"]),
        ("domain.x", "from ..storage.ledger import post", ["storage"]),
        ("domain.x", "from wallet_service.domain import ledger\nimport math, json", []),
        ("usecases.x", "from wallet_service.apple.apns import Apns\nimport flask", ["apple", "flask"]),
        ("usecases.x", "from wallet_service.storage import ledger", []),
        ("web.x", "def f():\n    from wallet_service.storage import ledger", ["storage"]),
        ("web.x", "from wallet_service.config import Settings", ["config"]),
        ("apple.x", "import wallet_service.sandbox.chain as c", ["sandbox"]),
        ("inbound.x", "from wallet_service.web import create_app", ["web"]),
        ("wiring", "from wallet_service.web import create_app", ["web"]),
        ("cli", "from wallet_service.web import create_app\nimport click", []),
        ("newcomer", "from wallet_service.domain import card\nimport numpy", ["domain", "numpy"]),
    ],
)
def test_a_breach_would_be_found(name: str, source: str, through: list[str]) -> None:
    """The check sees each way of importing, in a room and inside a function alike."""
    assert breaches(Module(f"{OURS}.{name}", ast.parse(source))) == through


@pytest.mark.parametrize(
    ("source", "hidden"),
    [
        ("import a", 0),
        ("if TYPE_CHECKING:\n    import a", 0),
        ("def f():\n    import a", 1),
        ("try:\n    import a\nexcept ImportError:\n    from b import c", 2),
        ("if X:\n    import a", 1),
        ("import importlib\nimportlib.import_module('a')", 1),
        ("__import__('a')", 1),
        ("class A:\n    import a", 1),
    ],
)
def test_a_hidden_import_would_be_found(source: str, hidden: int) -> None:
    """The check sees imports in functions, classes, branches and calls."""
    assert len(Module(f"{OURS}.x", ast.parse(source)).hidden_imports()) == hidden
