#!/usr/bin/env python3
"""package_verdicts.py CORPUS CLIENT VERDICTS   What the real client refuses of a corpus beside whole marketplaces: entries
of the marketplaces that load (as VERDICTS says, in the form of client-verdicts.tsv), plugin.json, hooks, MCP and LSP files.
Prints one line for each refusal: file, or file#entry, then `refused` and the reason.

`claude plugin list` loads every installed plugin and says what is wrong with it, but runs nothing of it. So each thing is
a plugin that counts as installed, and two questions answer for all: one about entries over minimal plugins, one about
minimal entries over the files. No repository is reached: an entry that comes to be fetched was taken.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

SKILL = "---\nname: a\ndescription: d\n---\n"
TIME = "2026-01-01T00:00:00.000Z"
PLACES = {
    "plugins": ".claude-plugin/plugin.json",
    "hooks": "hooks/hooks.json",
    "mcp": ".mcp.json",
    "lsp": ".lsp.json",
}


def put(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


class Home:
    """A home in which marketplaces are known and plugins count as installed."""

    def __init__(self, root):
        self.root = root
        self.markets, self.installed, self.asked = {}, {}, {}

    def market(self, name, raw):
        folder = f"{self.root}/markets/{name}"
        put(f"{folder}/.claude-plugin/marketplace.json", json.dumps({**raw, "name": name}))
        source = {"source": "directory", "path": folder}
        self.markets[name] = {"source": source, "installLocation": folder, "lastUpdated": TIME}
        return folder

    def install(self, what, plugin, market, folder):
        put(f"{folder}/skills/a/SKILL.md", SKILL)
        times = {"installedAt": TIME, "lastUpdated": TIME}
        self.installed[f"{plugin}@{market}"] = [{"scope": "user", "installPath": folder, "version": "1.0.0", **times}]
        self.asked[f"{plugin}@{market}"] = what

    def refusals(self, client):
        plugins = f"{self.root}/.claude/plugins"
        put(f"{plugins}/known_marketplaces.json", json.dumps(self.markets))
        put(f"{plugins}/installed_plugins.json", json.dumps({"version": 2, "plugins": self.installed}))
        enabled = {name: True for name in self.installed}
        put(f"{self.root}/.claude/settings.json", json.dumps({"enabledPlugins": enabled}))
        quiet = {"DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
        env = {"HOME": self.root, "PATH": os.environ["PATH"], "GIT_ALLOW_PROTOCOL": "none", **quiet}
        told = subprocess.run(
            [client, "plugin", "list", "--json"], env=env, cwd=self.root, stdin=subprocess.DEVNULL,
            capture_output=True, check=True, timeout=300,
        )
        listed = {plugin["id"]: plugin.get("errors", []) for plugin in json.loads(told.stdout)}
        assert listed.keys() == self.asked.keys(), "the client lists all that was asked"
        for name, errors in listed.items():
            # The files that a manifest names are not part of the corpus, and no repository is reached.
            errors = [e for e in errors if not e.startswith("Path not found: ") and "not allowed" not in e]
            if errors:
                yield self.asked[name], "; ".join(map(reason, errors))


def reason(error):
    """An error in one line, without the paths of this run."""
    if error.startswith("Hook load failed: ["):
        issues = json.loads(error.removeprefix("Hook load failed: "))
        places = (".".join(map(str, issue["path"])) or "root" for issue in issues)
        return ", ".join(f"{place}: {issue['message']}" for place, issue in zip(places, issues))
    error = re.sub(r"\s+", " ", error)
    return re.sub(r"^(Plugin \S+ has an invalid manifest.*Validation errors|Failed to download/cache plugin \S+): ", "", error)


def main(corpus, client, verdicts):
    with open(verdicts, encoding="utf-8") as lines:
        loads = {line.split("\t")[0] for line in lines if line.split("\t")[1:2] == ["loads"]}
    with open(f"{corpus}/INDEX.tsv", encoding="utf-8") as lines:
        files = [line.split("\t")[0] for line in lines][1:]
    with tempfile.TemporaryDirectory() as work:
        entries, packages = Home(f"{work}/entries"), Home(f"{work}/packages")
        rows = []
        for at, file in enumerate(files):
            with open(f"{corpus}/{file}", "rb") as source:
                content = source.read()
            kind, name = file.split("/")[0], f"p{at}"
            if file in loads:
                raw = json.loads(content)
                folder = entries.market(name, raw)
                for number, entry in enumerate(raw["plugins"]):
                    place = entry.get("source")
                    here = isinstance(place, str) and place.startswith(".")
                    below = os.path.normpath(f"{folder}/{place}") if here else f"{work}/fetched/{name}/{number}"
                    entries.install(f"{file}#{entry['name']}", entry["name"], name, below)
            elif kind in PLACES:
                rows.append({"name": name, "source": f"./{name}"})
                folder = f"{packages.root}/markets/all/{name}"
                put(f"{folder}/{PLACES['plugins']}", json.dumps({"name": name}))
                put(f"{folder}/{PLACES[kind]}", content)
                packages.install(file, name, "all", folder)
        packages.market("all", {"owner": {"name": "o"}, "plugins": rows})
        refused = [*entries.refusals(client), *packages.refusals(client)]
    for what, why in sorted(refused):
        print(what, "refused", why, sep="\t")


if __name__ == "__main__":
    main(*map(os.path.abspath, sys.argv[1:4]))
