"""Observes, compares and prints. Started by breadth.sh, which sets the variables that machine.py reads."""

import os
import sys
import time

import compare
import report
from kept import Kept, digest
from machine import CLIENT, CPM, WORK, Room
from market import Market, repositories
from sides import ClientSide, CpmSide

HERE = os.path.dirname(os.path.abspath(__file__))
# So many plugins are observed between two writes of what is known.
A_PORTION = 50


def observe(market, side, version, make):
    """All plugins of a marketplace on one side, from what is kept and what is missing there."""
    kept = Kept(WORK, side, version, market)
    missing, start = kept.missing(market.available), time.monotonic()
    observer = make() if missing else None
    for at in range(0, len(missing), A_PORTION):
        kept.keep(observer.observe(missing[at : at + A_PORTION]))
    if missing:
        each = (time.monotonic() - start) / len(missing)
        print(f"{market.repository}, {side}: {len(missing)} plugins, {each:.2f} s each", file=sys.stderr, flush=True)
    return kept.all


def judged(market, usual, reasons):
    """(repository, plugin) -> what there is to tell of it."""
    client = observe(market, "client", digest(os.path.realpath(CLIENT)), lambda: ClientSide(market, usual))
    cpm = {
        scope: observe(market, f"cpm-{scope}", digest(CPM), lambda scope=scope: CpmSide(market, scope, usual))
        for scope in ("project", "user")
    }
    return {
        (market.repository, name): compare.Told(
            reasons, market.repository, name, client[name], {scope: found[name] for scope, found in cpm.items()}
        )
        for name in market.available
    }


def markets(copies, only):
    """The marketplaces among the copies that have all of their files."""
    for repository in only or repositories(copies):
        try:
            market = Market(copies, repository)
        except LookupError as cause:
            print(f"no marketplace: {cause}", file=sys.stderr)
            continue
        if market.is_whole:
            yield market
        else:
            print(f"left out: the copy of {repository} lacks files", file=sys.stderr)


def main(only):
    reasons = compare.Reasons(os.path.join(HERE, "reasons.tsv"))
    empty = Room("empty")
    empty.prepare_session()
    usual = empty.loaded()
    seen, told = [], {}
    for market in markets(os.environ["BREADTH_COPIES"], only):
        told |= judged(market, usual, reasons)
        seen.append(market)
    unexplained = sum(bool(one.unexplained) for one in told.values())
    elsewhere = sum(len(market.names) - len(market.available) for market in seen)
    for lines in (report.details(told), report.by_marketplace(seen, told), report.by_reason(told)):
        print(*lines, "", sep="\n")
    print(f"without a difference, or with a reason for it: {len(told) - unexplained} of {len(told)}")
    print(f"not compared, because their source is not among the copies: {elsewhere}")
    return 1 if unexplained else 0


sys.exit(main(sys.argv[1:]))
