"""Homes, processes and the two programs: how cpm and the client are started, each in a home of its own."""

import json
import os
import shutil
import subprocess

CPM, CLIENT = os.environ["CPM"], os.environ["CLAUDE_BIN"]
ORACLE, WORK, ORIGIN = os.environ["BREADTH_ORACLE"], os.environ["BREADTH_WORK"], os.environ["BREADTH_ORIGIN"]
STUB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stub.py")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ROOMS = os.path.join(WORK, "rooms")


def run(words, cwd, environment, seconds=120):
    """Exit code, stdout, stderr."""
    try:
        done = subprocess.run(
            words, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return -1, "", f"no end after {seconds} s"
    return done.returncode, done.stdout, done.stderr


class Room:
    """A home and a trusted git project, both empty."""

    def __init__(self, name):
        self.base = os.path.join(ROOMS, name)
        shutil.rmtree(self.base, ignore_errors=True)
        self.home, self.project = os.path.join(self.base, "home"), os.path.join(self.base, "project")
        os.makedirs(os.path.join(self.home, ".claude"))
        os.makedirs(self.project)
        with open(os.path.join(self.home, ".gitconfig"), "w") as file:
            file.write(f'[url "{ORIGIN}"]\n\tinsteadOf = https://github.com/\n\tinsteadOf = git@github.com:\n')
        subprocess.run(["git", "init", "-q", self.project], check=True, env={"PATH": SYSTEM_PATH, "HOME": self.home})

    def at(self, *path):
        return os.path.join(self.base, *path)

    def edit(self, path, change):
        """Changes a JSON object in a file, which may be missing."""
        path = self.at(*path)
        value = {}
        if os.path.exists(path):
            with open(path) as file:
                value = json.load(file)
        change(value)
        with open(path, "w") as file:
            json.dump(value, file)

    def prepare_session(self):
        """Trusts the project and keeps hooks from running."""
        self.edit(["home", ".claude.json"], lambda it: it.setdefault("projects", {}).setdefault(self.project, {}).update(
            hasTrustDialogAccepted=True
        ))
        self.edit(["home", ".claude", "settings.json"], lambda it: it.update(disableAllHooks=True))

    def remove(self):
        shutil.rmtree(self.base, ignore_errors=True)

    def cpm(self, *words):
        environment = {"HOME": self.home, "PATH": SYSTEM_PATH, "CPM_CACHE_DIR": os.path.join(WORK, "cache")}
        return run([CPM, *words], self.project, environment)

    def client(self, *words):
        environment = {
            "HOME": self.home,
            "PATH": SYSTEM_PATH,
            "LANG": "C.UTF-8",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_PLUGIN_PREFER_HTTPS": "1",
        }
        return run([CLIENT, *words], self.project, environment)

    def loaded(self, stubs=()):
        """The lines of the oracle: what a session loads, without what any session has."""
        path = SYSTEM_PATH
        if stubs:
            folder = self.at("stubs")
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            for name in stubs:
                os.symlink(STUB, os.path.join(folder, name))
            path = f"{folder}:{path}"
        environment = {
            "HOME": WORK,
            "XDG_CACHE_HOME": WORK,
            "PATH": SYSTEM_PATH,
            "CLAUDE_BIN": CLIENT,
            "ORACLE_ENV": f"PATH={path}",
            "ORACLE_BUILTIN": "1",
        }
        for _ in range(3):
            code, out, err = run([os.path.join(ORACLE, "loaded.sh"), self.home, self.project], WORK, environment)
            if code == 0:
                return set(out.splitlines())
        raise RuntimeError(f"the client did not start in {self.base}: {err}")
