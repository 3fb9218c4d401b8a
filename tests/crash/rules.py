"""What must hold after a run that was stopped (I1 to I8), and for the order of its calls (R1 to R4).

I1 every file of cpm's is old or new, I2 what is of others stays, I3 each skill folder is old or new as a whole, I4 after
the next command everything is old or everything new and verifies, I5 nothing unfinished stays, I6 the next command
succeeds, I7 success means all new, I8 the store is whole and a second recovery writes nothing."""

import os
import re

from bench import KEPT

# What may be there between a kill and the next command, and nowhere where the client looks.
WAITING = (".claude.json.cpm-", ".exclude.cpm-", ".claude.json.lock")

# A name in an open folder, as strace shows it.
IN_FOLDER = re.compile(r'\w+<([^>]*)>, "([^"]*)"')


def stopped(bench, name, code):
    """Violations right after a run ended, however it did."""
    old, new = bench.states[name]
    now, found = bench.look(), []
    for path in now.keys() | old.keys() | new.keys():
        here = now.get(path)
        if here not in (old.get(path), new.get(path)) and not any(part in path for part in WAITING):
            kind = "I2" if old.get(path) == new.get(path) else "I1"
            found.append(f"{kind} {os.path.relpath(path, bench.root)}")
    skills = str(bench.project / ".claude/skills")
    for skill in {path[len(skills) + 1:].split("/")[0] for path in now.keys() | old.keys() | new.keys() if path.startswith(skills)}:
        parts = [{path: content for path, content in look.items() if path.startswith(f"{skills}/{skill}/")} for look in (now, old, new)]
        if parts[0] not in parts[1:]:
            found.append(f"I3 {skill}")
    if code == 0 and {path: now[path] for path in now if not any(part in path for part in WAITING)} != new:
        found.append("I7 success without the new state")
    return found


def recovered(bench, name):
    """Violations after the next command; and which state it came to."""
    old, new = bench.states[name]
    found = []
    done = bench.recover()
    if done.returncode != 0:
        found.append(f"I6 {done.stderr.strip()}")
    now = bench.look()
    came_to = "old" if now == old else "new" if now == new else None
    if came_to is None:
        differs = [path for path in now.keys() | old.keys() if now.get(path) != old.get(path)]
        found.append(f"I4 a mix: {[os.path.relpath(path, bench.root) for path in differs]}")
    verified = bench.run(["verify"])
    if verified.returncode != 0:
        found.append(f"I4 {verified.stdout.strip()}")
    left = [entry for entry in os.listdir(bench.project / ".cpm") if not KEPT.fullmatch(entry)]
    if left:
        found.append(f"I5 {left}")
    before = bench.state_folder()
    again = bench.recover()
    if again.returncode != 0 or "interrupted" in again.stderr or bench.look() != now or bench.state_folder() != before:
        found.append(f"I8 a second recovery: {again.stderr.strip()}")
    return found, came_to


def store(bench):
    """The store is what it was: no operation of the sweeps adds to it."""
    from bench import tree
    return [] if tree(bench.root / "cache/store-v1") == bench.store else ["I8 the store changed"]


def lint(calls, world):
    """R1 a file is renamed before it is durable, R1b so is a folder; R2 the journal counts before what it speaks of is
    durable, or something is put in place before the journal is; R3 the journal goes before what it did is durable; R4
    success is told before the end of the journal is durable."""
    dirty, folders, found, state = set(), set(), [], "before"
    is_ours = lambda path: path.startswith(world) and not path.endswith("/.cpm/lock") and not path.endswith(".json.lock")
    for _, call, rest in calls:
        if " = -1 " in rest or " = ?" in rest and call != "exit_group":
            continue
        if call.endswith(("at", "at2")):
            rest = IN_FOLDER.sub(lambda match: f'"{absolute(match[2], match[1])}"', rest)
        quoted = rest.split('"')[1::2]
        handle = rest.split("<", 1)[1].split(">")[0] if "<" in rest else ""
        if call in ("open", "openat", "creat") and ("O_CREAT" in rest or call == "creat"):
            path = absolute(quoted[0], handle)
            if is_ours(path):
                dirty.add(path)
                folders.add(os.path.dirname(path))
        elif call in ("write", "pwrite64", "writev", "ftruncate"):
            if is_ours(handle):
                dirty.add(handle)
            elif call == "write" and rest.startswith("1<") and state == "ending":
                found.append("R4 success is told before the end of the journal is durable")
        elif call in ("mkdir", "mkdirat") and is_ours(absolute(quoted[0], handle)):
            folders |= {absolute(quoted[0], handle), os.path.dirname(absolute(quoted[0], handle))}
        elif call.startswith("rename") and is_ours(absolute(quoted[1], handle)):
            source, target = (absolute(path, handle) for path in quoted[:2])
            below = lambda paths, top: {path for path in paths if path == top or path.startswith(f"{top}/")}
            if target.endswith("/.cpm/.gitignore"):
                continue
            if target.endswith("/journal.json"):
                if dirty or folders:
                    found.append(f"R2 committed before this is durable: {sorted(dirty | folders)}")
                state = "committing"
            else:
                if state == "committing":
                    found.append(f"R2 put in place before the journal is durable: {target}")
                if below(dirty, source):
                    found.append(f"R1 renamed before it is durable: {source}")
                elif below(folders, source):
                    found.append(f"R1b renamed before its entries are durable: {source}")
            folders |= {os.path.dirname(source), os.path.dirname(target)}
        elif call in ("unlink", "unlinkat") and quoted[0].endswith("/journal.json"):
            if folders:
                found.append(f"R3 the journal goes before this is durable: {sorted(folders)}")
            state = "ending"
        elif call in ("fsync", "fdatasync"):
            dirty.discard(handle)
            folders.discard(handle)
            if handle.endswith("/.cpm"):
                state = {"committing": "committed", "ending": "ended"}.get(state, state)
        elif call == "syncfs":
            dirty.clear()
            folders.clear()
            state = {"committing": "committed", "ending": "ended"}.get(state, state)
        elif call == "exit_group" and state == "ending":
            found.append("R4 the run ends before the end of the journal is durable")
    return found, state


def absolute(path, handle):
    return os.path.normpath(path if path.startswith("/") else os.path.join(handle, path))
