"""What is printed: tables as Markdown, for docs/compatibility.md, and every plugin that is not simply the same."""

from collections import Counter

import compare

INSTALLED = (compare.SAME, compare.DESIGN, compare.OURS)


def table(head, rows):
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(str(cell) for cell in row)} |"


def by_marketplace(markets, told):
    """A row for each marketplace, and one for all."""
    counts = {market.repository: Counter() for market in markets}
    for (repository, _), one in told.items():
        counts[repository][one.verdict] += 1

    def row(name, commit, count):
        installed = sum(count[verdict] for verdict in INSTALLED)
        return [name, commit, count.total(), installed, *(count[verdict] or "" for verdict in compare.VERDICTS)]

    rows = [row(market.repository, f"`{market.commit[:12]}`", counts[market.repository]) for market in markets]
    rows.append(row(f"all {len(markets)}", "", sum(counts.values(), Counter())))
    return table(["marketplace", "commit", "plugins", "installed by both", *compare.VERDICTS], rows)


def by_reason(told):
    whys = Counter((one.verdict, why) for one in told.values() for why in one.reasons)
    ordered = sorted(whys.items(), key=lambda item: (compare.VERDICTS.index(item[0][0]), -item[1]))
    return table(["verdict", "plugins", "reason"], [(verdict, count, why) for (verdict, why), count in ordered])


def details(told):
    """Plugins that differ in the same way, together."""
    alike = {}
    for (repository, plugin), one in told.items():
        if one.verdict != compare.SAME:
            alike.setdefault((repository, one.verdict, *one.differences), []).append((plugin, one))
    for (repository, verdict, *differences), plugins in alike.items():
        unexplained = plugins[0][1].unexplained
        yield f"{repository}: {verdict}{', UNEXPLAINED' if unexplained else ''}: {', '.join(name for name, _ in plugins)}"
        yield from (f"  {'!' if line in unexplained else ' '} {line}" for line in differences)
