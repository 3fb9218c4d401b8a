#!/usr/bin/env python3
"""sweep.py [--all] [--seed N] [--only MODE,…]   Stops cpm at every system call that changes something, and checks what
is left. CPM is a debug binary; needs strace. Modes: kill (every call of every operation), double (the recovery is killed
too), errno (a call fails, once or from then on), signal (other signals, and kills at any time), panic (at each change),
lint (the order of writing and syncing), teeth (with the journal or syncing switched off, these checks must fail).

Without --all a part of double, errno, signal and panic is run, chosen by the seed, which is printed: the same seed, the same part."""

import argparse
import concurrent.futures
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import rules
from bench import OPERATIONS, Bench, injecting, points

ERRORS = ("ENOSPC", "EIO", "EACCES")
# How much of each mode is run without --all.
SHARE = {"kill": None, "double": 240, "errno": 480, "recovery": 120, "signal": 60, "panic": 60}
# How many of the errors within a recovery --all runs: there are some ten thousand.
MOST_IN_RECOVERY = 3000
RANDOM_KILLS = 200
MIN_PAIRS = 500

bench = None


def start(cpm, work):
    """Each worker has a world of its own, because paths in it are absolute."""
    global bench
    bench = Bench(tempfile.mkdtemp(dir=work), cpm)


def judge(label, name, code, expect_kill):
    """What is wrong after a run that was stopped, and the state that the next command came to."""
    found = rules.stopped(bench, name, code)
    if expect_kill and code == 0:
        found.append("it ended by itself, so nothing was swept")
    more, came_to = rules.recovered(bench, name)
    return [f"{label}: {violation}" for violation in found + more + rules.store(bench)], came_to


def kill(case):
    name, call, at, more = case
    bench.put_back("base")
    done = bench.operate(name, injecting(call, f"signal=KILL:when={at}"), **more)
    return judge(f"{name} killed at {call}:{at}", name, done.returncode, True)


def fail(case):
    name, call, at, rule = case
    bench.put_back("base")
    done = bench.operate(name, injecting(call, rule.format(at)))
    return judge(f"{name} with {rule.format(at)} at {call}", name, done.returncode, False)


def signal(case):
    name, call, at, kind = case
    bench.put_back("base")
    if call is None:
        # At any time: a run takes about this long.
        command = ["timeout", "-s", kind, f"{at:.4f}"]
        done = bench.operate(name, command)
        return judge(f"{name} with {kind} after {at:.4f} s", name, -1 if done.returncode else 0, False)
    done = bench.operate(name, injecting(call, f"signal={kind}:when={at}"))
    return judge(f"{name} with {kind} at {call}:{at}", name, done.returncode, True)


def panic(case):
    name, at = case
    bench.put_back("base")
    done = bench.operate(name, CPM_FAILPOINT=f"panic:{at}")
    return judge(f"{name} with a panic at change {at}", name, done.returncode, True)


def changes_of(name):
    """How many changes an operation makes, as the failpoint counts them."""
    def panics(at):
        bench.put_back("base")
        return bench.operate(name, CPM_FAILPOINT=f"panic:{at}").returncode != 0

    low, high = 0, 16
    while panics(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if panics(middle) else (low, middle)
    return low


def crash_points(case):
    """The calls of the recovery from this crash; none where there is nothing to recover."""
    name, call, at = case
    bench.put_back("base")
    bench.operate(name, injecting(call, f"signal=KILL:when={at}"))
    if not (bench.project / ".cpm/journal.json").exists():
        return []
    return [(name, call, at, *point) for point in points(bench.trace(bench.recover))]


def double(case):
    name, call, at, second, second_at, rule = case
    bench.put_back("base")
    bench.operate(name, injecting(call, f"signal=KILL:when={at}"))
    bench.recover(injecting(second, rule.replace("when=", f"when={second_at}")))
    label = f"{name} killed at {call}:{at}, its recovery with {rule} at {second}:{second_at}"
    return judge(label, name, -1, False)


def sweep(pool, title, work, cases, wanted=("old", "new")):
    begun, violations, states = time.monotonic(), [], {"old": 0, "new": 0, None: 0}
    for found, came_to in pool.map(work, cases, chunksize=4):
        violations += found
        states[came_to] += 1
    for violation in violations[:20]:
        print(f"VIOLATION {violation}")
    took = time.monotonic() - begun
    print(f"{title}: {len(cases)} runs, {states['old']} old, {states['new']} new, {len(violations)} violations, {took:.0f} s", flush=True)
    missing = [state for state in wanted if states[state] == 0]
    if missing:
        print(f"VIOLATION {title} swept nothing that came to {missing}")
    return len(violations) + len(missing)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", default="lint,teeth,kill,double,errno,signal,panic")
    args = parser.parse_args()
    modes, chance = args.only.split(","), random.Random(args.seed)
    cpm = os.path.abspath(os.environ["CPM"])
    if shutil.which("strace") is None or subprocess.run(["strace", "-o", "/dev/null", "true"], check=False).returncode:
        print("skipped: strace cannot run here")
        return 0
    print(f"seed {args.seed}, {'everything' if args.all else 'a part'}", flush=True)
    work = tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    try:
        start(cpm, work)
        workers = os.cpu_count() or 1
        with concurrent.futures.ProcessPoolExecutor(workers, initializer=start, initargs=(cpm, work)) as pool:
            return 1 if run(pool, modes, chance, args.all) else 0
    finally:
        shutil.rmtree(work, ignore_errors=True)


def run(pool, modes, chance, everything):
    def part(mode, cases):
        share = SHARE[mode]
        return cases if everything or share is None or len(cases) <= share else sorted(chance.sample(cases, share))

    bad, where = 0, {}
    for name in OPERATIONS:
        bench.put_back("base")
        calls = bench.trace(lambda before, name=name: bench.operate(name, before))
        where[name] = points(calls)
        if "lint" in modes:
            findings, state = rules.lint(calls, str(bench.root / "world"))
            print(f"lint {name}: {len(calls)} calls, {len(findings)} findings")
            bad += len(findings) + (state != "ended")
            [print(f"VIOLATION {name}: {finding}") for finding in findings]
    single = [(name, *point) for name, found in where.items() for point in found]
    if "teeth" in modes:
        bad += teeth(pool, where["update"])
    if "kill" in modes:
        bad += sweep(pool, "kill", kill, part("kill", [(*case, {}) for case in single]))
    if "double" in modes or "errno" in modes:
        crashes = single if everything else chance.sample(single, 60)
        pairs = [pair for found in pool.map(crash_points, crashes, chunksize=4) for pair in found]
    if "double" in modes:
        cases = part("double", [(*pair, "signal=KILL:when=") for pair in pairs])
        # What was committed is completed, however often that is interrupted.
        bad += sweep(pool, "double", double, cases, wanted=("new",))
        bad += everything and len(pairs) < MIN_PAIRS
    if "errno" in modes:
        rules_of = [f"error={error}:when={{}}{end}" for error in ERRORS for end in ("", "+")]
        bad += sweep(pool, "errno", fail, part("errno", [(*case, rule) for case in single for rule in rules_of]))
        cases = [(*pair, rule.replace("{}", "")) for pair in pairs for rule in rules_of]
        cases = chance.sample(cases, min(len(cases), MOST_IN_RECOVERY)) if everything else part("recovery", cases)
        bad += sweep(pool, "errno in recovery", double, cases, wanted=("new",))
    if "signal" in modes:
        cases = [(*case, kind) for case in single[:: 1 if everything else 5] for kind in ("INT", "TERM", "HUP")]
        bad += sweep(pool, "signal", signal, part("signal", cases))
        count, names = RANDOM_KILLS if everything else 40, list(OPERATIONS)
        times = [(chance.choice(names), None, chance.uniform(0.001, 0.05), "KILL") for _ in range(count)]
        bad += sweep(pool, "any time", signal, times)
    if "panic" in modes:
        cases = [(name, at) for name, count in zip(OPERATIONS, pool.map(changes_of, OPERATIONS)) for at in range(1, count + 1)]
        bad += sweep(pool, "panic", panic, part("panic", cases))
    print("all is well" if not bad else f"{bad} violations")
    return bad


def teeth(pool, found):
    """A check that cannot fail is none."""
    blunt = [("update", *point, {"CPM_FAILPOINT": "no-journal"}) for point in found]
    violations = [violation for some, _ in pool.map(kill, blunt, chunksize=4) for violation in some]
    mixes = [violation for violation in violations if ": I4 a mix" in violation]
    bench.put_back("base")
    calls = bench.trace(lambda before: bench.operate("update", before, CPM_FAILPOINT="no-sync"))
    findings, _ = rules.lint(calls, str(bench.root / "world"))
    print(f"teeth: {len(mixes)} mixed states without the journal, {len(findings)} findings without syncing")
    return (not mixes) + (not findings)


if __name__ == "__main__":
    sys.exit(main())
