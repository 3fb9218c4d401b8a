"""The files of an installed plugin: their bytes for the comparison, and what they say of servers and hooks."""

import hashlib
import json
import os
import re

# What the client writes into its own copies.
MARKS = {".git", ".in_use", ".orphaned_at"}


def files(folder):
    """Path -> digest with `x` where it may run; links to files count as what they lead to."""
    found = {}
    for top, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if name not in MARKS]
        for name in names:
            path = os.path.join(top, name)
            if name in MARKS or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                digest = hashlib.sha256(file.read()).hexdigest()[:16]
            found[os.path.relpath(path, folder)] = digest + ("x" if os.stat(path).st_mode & 0o100 else "")
    return found


def outward(folder):
    """The paths in a skill's files that lead out of its folder, from there."""
    found = set()
    for top, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(top, name), encoding="utf-8", errors="replace") as file:
                words = re.findall(r"(?:\.\./)+[\w./-]*\w", file.read())
            for base in (os.path.relpath(top, folder), "."):
                found |= {path for word in words if (path := os.path.normpath(os.path.join(base, word))).startswith("../")}
    return sorted(found)


def read_json(path):
    try:
        with open(path, encoding="utf-8-sig") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def commands(folder, entry):
    """The bare program names that its JSON files and its entry start: those that the stub can stand in for."""
    found = set()

    def look(value):
        if isinstance(value, dict):
            word = value.get("command")
            if isinstance(word, str) and re.fullmatch(r"[\w.-]+", word):
                found.add(word)
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            look(inner)

    look(entry)
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in MARKS | {"node_modules"}]
        for name in names:
            if name.endswith(".json"):
                look(read_json(os.path.join(top, name)))
    return found


def mentions(folder, entry, *words):
    """Whether plugin.json, the entry or a file at its usual place has one of these components."""
    said = [read_json(os.path.join(folder, ".claude-plugin/plugin.json")), entry]
    has_key = any(isinstance(manifest, dict) and manifest.get(word) for manifest in said for word in words)
    return has_key or any(os.path.exists(os.path.join(folder, word)) for word in words)


SERVERS = (".mcp.json", "mcpServers")
# What a session does not show, and `claude plugin details` does.
INVENTORY = ("hooks", ".lsp.json", "lspServers", "output-styles", "outputStyles", "monitors", "experimental", "channels")
