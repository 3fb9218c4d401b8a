"""A marketplace in a bare repository: what it lists, and which of that is among the copies."""

import json
import os
import re
import subprocess


class Market:
    def __init__(self, copies, repository):
        self.copies, self.repository = copies, repository
        self.commit = self.git(repository, "rev-parse", "HEAD").strip()
        listed = json.loads(self.git(repository, "show", "HEAD:.claude-plugin/marketplace.json"))
        self.name = listed["name"]
        plugins = listed["plugins"]
        self.entries = {entry["name"]: entry for entry in reversed(plugins)}
        # The client clones all of it.
        missing = self.git(repository, "rev-list", "--objects", "--no-walk", "--missing=print", "HEAD")
        self.is_whole = not re.search(r"^\?", missing, re.MULTILINE)
        self.names = list(dict.fromkeys(entry["name"] for entry in plugins))
        self.available = [name for name in self.names if self.is_here(self.entries[name])]

    def git(self, repository, *words):
        folder = os.path.join(self.copies, repository + ".git")
        done = subprocess.run(["git", "-C", folder, "-c", "safe.directory=*", *words], capture_output=True, text=True)
        if done.returncode:
            raise LookupError(f"{repository}: {done.stderr.strip()}")
        return done.stdout

    def is_here(self, entry):
        """Whether the source is this repository, or a commit of another one among the copies."""
        source = entry.get("source")
        if not isinstance(source, dict):
            return True
        named = re.search(r"(?:^|github\.com[/:])([\w.-]+/[\w.-]+?)(?:\.git)?/?$", source.get("repo") or source.get("url") or "")
        if not named:
            return False
        try:
            self.git(named[1], "cat-file", "-e", source.get("sha") or source.get("ref") or "HEAD")
        except LookupError:
            return False
        return True


def repositories(copies):
    """All OWNER/REPO of a folder of bare copies."""
    owners = sorted(os.listdir(copies))
    return [f"{o}/{r[:-4]}" for o in owners for r in sorted(os.listdir(os.path.join(copies, o))) if r.endswith(".git")]
