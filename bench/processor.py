"""The processor time that processes have had, which others on the machine change little."""

import os
from collections.abc import Mapping
from pathlib import Path


def of_tree(root: int) -> float:
    """Return the seconds that a process and all below it have had; none where there is no `/proc`."""
    parents, ticks = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            said = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        pid = int(path.parent.name)
        parents[pid], ticks[pid] = int(said[1]), sum(map(int, said[11:15]))
    inside = {root}
    while more := {pid for pid, parent in parents.items() if parent in inside} - inside:
        inside |= more
    return sum(ticks.get(pid, 0) for pid in inside) / os.sysconf("SC_CLK_TCK")


def told(what: str, seconds: Mapping[str, float]) -> str:
    """Return the line that says what one of them costs, part by part."""
    parts = ", ".join(f"{name} {each * 1000:.2f} ms" for name, each in seconds.items())
    whole = sum(seconds.values())
    two_cores = f", which two idle cores do {2 / whole:,.0f}/s" if whole else ""
    return f"processor time of {what}: {parts}; together {whole * 1000:.2f} ms{two_cores}"
