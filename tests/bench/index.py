#!/usr/bin/env python3
"""index.py REPOSITORY PACKAGES RELEASES   Makes a cpm index of so many packages with so many releases each, for index.sh.

REPOSITORY becomes a bare repository with one commit. All but one package point at repositories that are not there; that
one, zebra-herder, lies in the index itself. The same numbers always make the same bytes."""

import hashlib
import json
import random
import subprocess
import sys

repository, packages, releases = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
chance = random.Random(packages)
COMMON = "git github code test review api docs aws docker data python react security deploy claude".split()
THINGS = "tools lint helper review guard writer search notes format report check sync runner kit agent".split()
PROSE = """a and the of to in with for from before after every each change file test branch release report server
issue request team review search lint format deploy build check document schema query migration token secret log
trace metric alert plan draft summary reads writes finds explains compares fixes keeps warns asks shows""".split()


def syllables(count):
    return "".join(chance.choice("bcdfghjklmnprstvwz") + chance.choice("aeiou") for _ in range(count))


def names():
    """Real names crowd behind a few beginnings; the others are spread."""
    taken = {"zebra-herder"}
    while len(taken) < packages:
        start = chance.choice(COMMON) if chance.random() < 0.3 else syllables(chance.randint(2, 3))
        taken.add(f"{start}-{syllables(2)}-{chance.choice(THINGS)}")
    return sorted(taken)


def shard(name):
    return {1: "1", 2: "2", 3: f"3/{name[0]}"}.get(len(name)) or f"{name[:2]}/{name[2:4]}"


def digest(*parts):
    return hashlib.sha256("/".join(parts).encode()).hexdigest()


def lines(name, others):
    about = " ".join(chance.choice(PROSE) for _ in range(chance.randint(8, 16))).capitalize()
    keywords = sorted(set(chance.choices(PROSE, k=4)))
    needs = [{"name": chance.choice(others), "req": "1"}] if chance.random() < 0.2 else []
    for minor in range(releases):
        version = f"1.{minor}.0"
        yield {
            "name": name,
            "version": version,
            "description": about,
            "keywords": keywords,
            "source": {
                "git": f"https://git.example/{name.split('-')[0]}/{name}",
                "commit": digest(name, version)[:40],
                "path": "plugin",
            },
            "checksum": "t1:" + digest(name, version, "tree"),
            "dependencies": needs,
            "skills": [name],
            "servers": [],
            "published": f"2026-{minor % 12 + 1:02}-01T00:00:00Z",
        }


def hosted(name):
    """The line of a package in the index itself, and its file."""
    text = f"---\nname: {name}\ndescription: Herds zebras when asked.\n---\nHerd them.\n".encode()
    file = f"100644 {len(text)} {hashlib.sha256(text).hexdigest()} SKILL.md\n"
    line = {
        "name": name,
        "version": "1.0.0",
        "description": "Herds zebras when asked",
        "keywords": ["zebra"],
        "source": {"path": f"content/{name}/1.0.0"},
        "checksum": "t1:" + hashlib.sha256(b"cpm-tree-v1\n" + file.encode()).hexdigest(),
    }
    return line, (f"content/{name}/1.0.0/SKILL.md", text)


subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", repository], check=True)
fast_import = subprocess.Popen(["git", "-C", repository, "fast-import", "--quiet"], stdin=subprocess.PIPE)
out = fast_import.stdin


def put(path, data):
    out.write(f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n")


out.write(b"commit refs/heads/main\ncommitter bench <bench@example.com> 1790000000 +0000\ndata 3\nall\n")
put("index.toml", b'schema = 1\nname = "large"\n')
every = names()
for name in every:
    if name == "zebra-herder":
        line, file = hosted(name)
        put(*file)
        written = [line]
    else:
        written = lines(name, every)
    put(f"packages/{shard(name)}/{name}.jsonl", "".join(json.dumps(line) + "\n" for line in written).encode())
out.close()
sys.exit(fast_import.wait())
