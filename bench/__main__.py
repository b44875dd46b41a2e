"""`make bench`: speed as ratios, each measured in one run on the same work."""

import structlog

from bench import events, growth, links, passes, publish, pushes, unchanged, webhooks, workers

PARTS = (
    ("Passes", lambda: passes.run(60)),
    ("Pushes", pushes.run),
    ("Events", events.run),
    ("Webhooks", webhooks.run),
    ("Growth", growth.run),
    ("Publish", publish.run),
    ("Unchanged", unchanged.run),
    ("Workers", workers.run),
    ("Links", links.run),
)


def main() -> None:
    """Run every part and print its lines as they come."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    print("Only ratios count: the machine is shared, and absolute figures move with it.")
    for title, measure in PARTS:
        print(f"\n{title}")
        for line in measure():
            print(f"  {line}", flush=True)


main()
