"""What was observed, kept in a folder: what the client does with a commit of a marketplace does not change."""

import hashlib
import json
import os


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:12]


class Kept:
    def __init__(self, work, side, version, market):
        folder = os.path.join(work, "kept", f"{side}-{version}")
        os.makedirs(folder, exist_ok=True)
        self.path = os.path.join(folder, f"{market.repository.replace('/', '+')}@{market.commit[:12]}.json")
        self.all = {}
        if os.path.exists(self.path):
            with open(self.path) as file:
                self.all = json.load(file)

    def missing(self, names):
        return [name for name in names if name not in self.all]

    def keep(self, found):
        self.all |= found
        with open(self.path + ".new", "w") as file:
            json.dump(self.all, file)
        os.replace(self.path + ".new", self.path)
