"""A world for the sweeps: a home, a project with work of others in it, a warm cache, and the operations that are
interrupted. Everything lies below one folder, so it can be put back as it was in a few milliseconds."""

import os
import re
import shutil
import signal
import stat
import subprocess
from pathlib import Path

# The calls that change something; of those that open files, only the ones that may write count.
CHANGING = ("write,pwrite64,writev,open,openat,creat,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,"
            "linkat,symlink,symlinkat,ftruncate,fchmod,fchmodat,?fchmodat2,fsync,fdatasync,syncfs,flock,fsetxattr,setxattr")
OPENING = ("open", "openat")
WRITING = ("O_CREAT", "O_WRONLY", "O_RDWR", "O_TRUNC")
# What cpm keeps for good; the lock between processes stays, with any content.
KEPT = re.compile(r"lock|\.gitignore|exports\.json|(receipt|undo)-(project|local)\.json")
LINE = re.compile(r"(?:\[pid +)?(\d+)\]? +(\w+)\((.*)")

OPERATIONS = {
    "update": ["update", "--accept"],
    "install": ["install", "extra", "--git", "EXTRA"],
    "remove": ["remove", "kit"],
    "local": ["install", "extra", "--git", "EXTRA", "--scope", "local"],
    "undo": ["undo"],
    "export": ["export", "--client", "cursor", "--write"],
}


class Bench:
    """One world; `operation` names the state it is put back to and what is done there."""

    def __init__(self, root, cpm):
        self.root, self.cpm = Path(root), cpm
        self.project, self.home = self.root / "world/project", self.root / "world/home"
        self.kit, self.extra = self.root / "kit", self.root / "extra"
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "CPM_CACHE_DIR": str(self.root / "cache"),
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "RUST_BACKTRACE": "0",
        }
        self.states = {}
        self._build()

    def _build(self):
        self._write(self.home / ".claude.json", '{"numStartups": 7, "projects": {"/elsewhere": {"allowedTools": []}}}\n')
        self._write(self.project / ".mcp.json", '{\n\t"theirs": 12345678901234567890123\n}\n')
        self._write(self.project / ".cursor/mcp.json", '{"mcpServers":{"mine":{"command":"x"}}}')
        self._write(self.project / ".claude/skills/mine/SKILL.md", "mine\n")
        self._git(self.project, "init", "-q", "--template=")
        self._write(self.project / ".git/info/exclude", "# theirs\n*.log")
        self._package(self.kit, "one", {"a", "b"}, '{"mcpServers":{"s":{"command":"true","args":["one"]}}}')
        self._package(self.extra, "one", {"c"}, '{"mcpServers":{"t":{"command":"true"}}}')
        self._package(self.root / "first", "one", {"d"}, "{}")
        self._must("install", "first", "--git", self._url(self.root / "first"))
        self._must("install", "kit", "--git", self._url(self.kit))
        self._keep("base")
        self._package(self.kit, "two", {"a", "b"}, '{"mcpServers":{"s":{"command":"true","args":["two"]}}}')
        # Warms the cache, and shows what each operation comes to.
        for name, args in OPERATIONS.items():
            self.put_back("base")
            old = self.look()
            self._must(*self._filled(args))
            new = self.look()
            assert old != new, f"{name} changes nothing"
            self.states[name] = (old, new)
        self.store = tree(self.root / "cache/store-v1")

    def _package(self, repo, text, skills, servers):
        for skill in skills:
            self._write(repo / f"skills/{skill}/SKILL.md", f"---\nname: {skill}\ndescription: d\n---\n{text}\n")
            self._write(repo / f"skills/{skill}/notes.md", f"{text}\n")
        self._write(repo / ".mcp.json", servers)
        self._write(repo / ".claude-plugin/plugin.json", f'{{"name":"{repo.name}","version":"1.0.0"}}')
        if not (repo / ".git").exists():
            self._git(repo, "init", "-q", "--template=")
        self._git(repo, "add", ".")
        self._git(repo, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", text)

    def _git(self, repo, *args):
        subprocess.run(["git", "-C", repo, *args], env=self.env, check=True)

    @staticmethod
    def _write(path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    @staticmethod
    def _url(repo):
        return f"file://{repo}"

    def _filled(self, args):
        return [self._url(self.extra) if arg == "EXTRA" else arg for arg in args]

    def _must(self, *args):
        done = self.run(args)
        assert done.returncode == 0, f"cpm {args}: {done.stderr}"

    def _keep(self, name):
        shutil.copytree(self.root / "world", self.root / name, symlinks=True)

    def put_back(self, name):
        shutil.rmtree(self.root / "world")
        self._keep_times(self.root / name, self.root / "world")

    def set_aside(self, name):
        shutil.rmtree(self.root / name, ignore_errors=True)
        self._keep_times(self.root / "world", self.root / name)

    @staticmethod
    def _keep_times(source, target):
        shutil.copytree(source, target, symlinks=True)

    def run(self, args, before=(), **more):
        """Runs cpm, offline unless it fills the cache; `before` is what it is started by."""
        command = [*before, self.cpm, "--project", ".", *args]
        return subprocess.run(command, cwd=self.project, env={**self.env, **more}, capture_output=True, text=True,
                              check=False, preexec_fn=default_signals)

    def operate(self, name, before=(), **more):
        return self.run([*self._filled(OPERATIONS[name]), *([] if name == "remove" else ["--offline"])], before, **more)

    def recover(self, before=()):
        """The next command: it finds what was left. As if ten seconds had passed for the lock of the client."""
        lock = self.home / ".claude.json.lock"
        if lock.exists():
            os.utime(lock, (0, 0))
        return self.run(["install", "--offline"], before)

    def look(self):
        """Everything but cpm's own state: the bytes and mode of each file."""
        found = {**tree(self.project), **tree(self.home)}
        return {path: content for path, content in found.items() if "/.cpm/" not in path and not is_gits(path)}

    def state_folder(self):
        return {path: content for path, content in tree(self.project / ".cpm").items() if not path.endswith("/lock")}

    def trace(self, what):
        """The changing calls that `what(before)` makes, as (pid, call, arguments)."""
        log = self.root / "log"
        done = what(["strace", "-f", "-y", "-s", "4096", "-o", str(log), "-e", f"trace={CHANGING},exit_group"])
        assert done.returncode == 0, done.stderr
        return [match.groups() for match in map(LINE.match, log.read_text().splitlines()) if match]


def default_signals():
    """Whoever runs this in the background made it deaf to some."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def points(calls):
    """Where a run can be stopped: the nth time that a process comes to a call."""
    counts, found = {}, []
    for pid, call, rest in calls:
        if call == "exit_group":
            continue
        at = counts[pid, call] = counts.get((pid, call), 0) + 1
        if call not in OPENING or any(flag in rest for flag in WRITING):
            found.append((call, at))
    return sorted(set(found))


def injecting(call, rule):
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{rule}"]


def tree(root):
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            content = os.readlink(path) if stat.S_ISLNK(mode) else Path(path).read_bytes()
            found[path] = (stat.S_IMODE(mode), content)
    return found


def is_gits(path):
    return "/.git/" in path and not path.endswith("/info/exclude") and ".cpm-" not in path
