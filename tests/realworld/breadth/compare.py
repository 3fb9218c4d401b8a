"""The verdict on one plugin: what the client makes of it by itself, against what it makes of what cpm installed."""

import fnmatch
import os
import re

SAME, DESIGN, BOTH_REFUSE = "loaded the same", "differs by design", "both refuse"
CPM_REFUSES, CLIENT_REFUSES, OURS = "only cpm refuses", "only the client refuses", "differs"
VERDICTS = [SAME, DESIGN, BOTH_REFUSE, CPM_REFUSES, CLIENT_REFUSES, OURS]


class Reasons:
    """reasons.tsv: a pattern of OWNER/REPO/PLUGIN, an expression found in a difference, and why it is so."""

    def __init__(self, file):
        with open(file) as lines:
            rows = [line.rstrip("\n").split("\t") for line in lines if line.strip() and not line.startswith("#")]
        self.rows = [(where, re.compile(what), why) for where, what, why in rows]

    def of(self, plugin, difference):
        for where, what, why in self.rows:
            if fnmatch.fnmatchcase(plugin, where) and what.search(difference):
                return why
        return None


def is_broken(observation):
    """Whether the client took the plugin and then loaded nothing of it."""
    loaded = observation.get("loaded", [])
    return any(line.startswith("error ") for line in loaded) and "plugin" not in loaded


def judge(client, cpm):
    """A verdict before reasons, and the differences. `cpm` has an observation for each scope."""
    if client.get("refused") or is_broken(client):
        said = client.get("refused") or next(line for line in client["loaded"] if line.startswith("error "))
        if all(one.get("refused") or is_broken(one) for one in cpm.values()):
            return BOTH_REFUSE, [f"the client: {said}", *unlike(cpm, lambda one: [f"cpm: {one.get('refused') or one['loaded']}"])]
        return CLIENT_REFUSES, [f"the client: {said}"]
    if any(one.get("refused") for one in cpm.values()):
        count = len([line for line in client["loaded"] if line != "plugin" and not line.startswith("error ")])
        wrong = [line for line in client["loaded"] if line.startswith("error ")]
        loads = f"the client loads {count or 'nothing'}{f', with {wrong}' if wrong else ''}"
        return CPM_REFUSES, unlike(cpm, lambda one: [f"cpm: {one.get('refused', 'installs')}; {loads}"])
    differences = unlike(cpm, lambda one: differ(client, one))
    return (OURS, differences) if differences else (SAME, [])


def unlike(cpm, describe):
    """Descriptions of all scopes; one that is the same in all is said once."""
    told = {scope: describe(one) for scope, one in cpm.items()}
    first, *others = told.values()
    shared = [line for line in first if all(line in other for other in others)]
    return shared + [f"{scope} scope: {line}" for scope, lines in told.items() for line in lines if line not in shared]


def differ(client, cpm):
    """What is loaded, or is in a file, on one side only."""
    mine, theirs = set(cpm["loaded"]) - {"plugin"}, set(client["loaded"]) - {"plugin"}
    found = [f"only the client loads: {line}" for line in sorted(theirs - mine)]
    found += [f"only cpm's loads: {line}" for line in sorted(mine - theirs)]
    if cpm["placement"] == "loose":
        return found + loose_files(client["files"], cpm["files"], cpm["outward"])
    return found + plugin_files(client["files"], cpm["files"])


def plugin_files(theirs, mine):
    manifest = ".claude-plugin/plugin.json"
    made = {manifest} if manifest not in theirs else set()
    found = [f"file missing: {path}" for path in sorted(theirs.keys() - mine.keys())]
    found += [f"file added: {path}" for path in sorted(mine.keys() - theirs.keys() - made)]
    return found + [f"file differs: {path}" for path in sorted(theirs.keys() & mine.keys()) if theirs[path] != mine[path]]


def loose_files(theirs, skills, outward):
    """Skills that are not, byte for byte, a folder of the client's copy, and files beside it that they name."""
    found = []
    placed = {f"{skill}/{path}" for skill, files in skills.items() for path in files}
    for skill, mine in sorted(skills.items()):
        tops = [os.path.dirname(path) for path, digest in theirs.items() if digest == mine.get("SKILL.md")]
        folders = [{os.path.relpath(p, t): d for p, d in theirs.items() if not t or p.startswith(t + "/")} for t in tops]
        if mine not in folders:
            found.append(f"file differs: in the folder of the skill {skill}")
            continue
        top = tops[folders.index(mine)]
        for path in outward[skill]:
            named = os.path.normpath(os.path.join(top, path))
            if named in theirs and os.path.normpath(os.path.join(skill, path)) not in placed:
                found.append(f"file missing: {named}, which the skill {skill} names")
    return found


class Told:
    """A verdict with the reasons of its differences: `differs` is `differs by design` if all of them have one."""

    def __init__(self, reasons, repository, name, client, cpm):
        self.verdict, self.differences = judge(client, cpm)
        whys = [reasons.of(f"{repository}/{name}", f"{self.verdict}: {difference}") for difference in self.differences]
        self.reasons = {why for why in whys if why}
        # Where both refuse there is no difference to explain; a reason is only told.
        is_same = self.verdict == BOTH_REFUSE
        self.unexplained = [] if is_same else [one for one, why in zip(self.differences, whys) if why is None]
        if self.verdict == OURS and not self.unexplained:
            self.verdict = DESIGN
