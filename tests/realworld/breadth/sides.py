"""The two sides: the client with its own `plugin install`, and cpm in one scope.

An observation is {"refused": text} or {"loaded": lines, "files": digests, "placement": how, "outward": paths}."""

import json
import os
import re
import shutil

import tree
from machine import Room
from session import A_SESSION, Installed, ask, sessions

# Exit codes of cpm that are a verdict on the package, not on the network or the machine.
REFUSALS = {10, 12, 14, 21, 22, 24}


class ClientSide:
    """The client's own `plugin install`, all plugins of a marketplace in one room, enabled by turns."""

    def __init__(self, market, usual):
        self.market, self.usual = market, usual
        self.room = Room("client")
        code, out, err = self.room.client("plugin", "marketplace", "add", market.repository)
        self.refused = reason(out + err) if code else None

    def observe(self, names):
        if self.refused:
            return {name: {"refused": self.refused} for name in names}
        found, installed = {}, []
        for name in names:
            identity = f"{name}@{self.market.name}"
            code, out, err = self.room.client("plugin", "install", identity)
            if code:
                found[name] = {"refused": reason(out + err)}
            else:
                installed.append(self.installed(name, identity))
        for group in sessions(installed):
            found |= self.ask(group) or {name: one for plugin in group for name, one in self.ask([plugin]).items()}
        return found

    def installed(self, name, identity):
        records = tree.read_json(self.room.at("home/.claude/plugins/installed_plugins.json"))["plugins"]
        folder = records[identity][0]["installPath"]
        plugin = Installed(name, self.room, folder, self.market.entries[name])
        manifest = tree.read_json(os.path.join(folder, ".claude-plugin/plugin.json"))
        plugin.namespaces, plugin.identity = {manifest.get("name") or name}, identity
        plugin.files = tree.files(folder)
        return plugin

    def ask(self, group):
        enabled = {plugin.identity: True for plugin in group}
        self.room.edit(["home/.claude/settings.json"], lambda settings: settings.update(enabledPlugins=enabled))
        self.room.prepare_session()
        return ask(group, self.room, self.usual)


class CpmSide:
    """`cpm install` of each plugin into a room of its own; what was placed is then moved together for a session."""

    def __init__(self, market, scope, usual):
        self.market, self.scope, self.usual = market, scope, usual
        self.skills = "home/.claude/skills" if scope == "user" else "project/.claude/skills"

    def observe(self, names):
        found = {}
        for at in range(0, len(names), 2 * A_SESSION):
            installed = []
            for name in names[at : at + 2 * A_SESSION]:
                plugin = self.install(name)
                if isinstance(plugin, Installed):
                    installed.append(plugin)
                else:
                    found[name] = {"refused": plugin}
            for group in sessions(installed):
                found |= self.ask(group)
            for plugin in installed:
                plugin.room.remove()
        return found

    def install(self, name):
        """The installed plugin, or why not."""
        room = Room(f"cpm-{self.scope}-{name}")
        manifest = room.at("home/.claude/cpm.toml" if self.scope == "user" else "project/cpm.toml")
        with open(manifest, "w") as file:
            file.write(f'[indexes]\nm = {{ git = "https://github.com/{self.market.repository}" }}\n')
        words = ["--json", "--scope", self.scope, "install", name, "--index", "m"]
        code, out, err = room.cpm(*words)
        if code:
            room.remove()
            why = f"{code}: " + (failure(out) or reason(err))
            if code not in REFUSALS:
                raise RuntimeError(f"cpm did not judge {self.market.repository}/{name}: {why}")
            return why
        packages = json.loads(out)["report"]["packages"]
        placement = next(package["placement"] for package in packages if package["name"] == name)
        skills = room.at(self.skills)
        plugin = Installed(name, room, room.base, self.market.entries[name])
        for package in packages:
            plugin.loose |= set(package.get("skills", []))
            plugin.servers |= set(package.get("servers", []))
        if placement == "loose":
            plugin.placement = "loose"
            folders = {skill: os.path.join(skills, skill) for skill in plugin.loose}
            plugin.files = {skill: tree.files(folder) for skill, folder in folders.items()}
            plugin.outward = {skill: tree.outward(folder) for skill, folder in folders.items()}
            return plugin
        plugin.loose = set()
        folder = os.path.join(skills, name)
        plugin.folder, plugin.files = folder, tree.files(folder)
        plugin.namespaces = {tree.read_json(os.path.join(folder, ".claude-plugin/plugin.json")).get("name")}
        plugin.identity = f"{min(plugin.namespaces)}@skills-dir"
        # A SKILL.md at the top of a folder of `skills/` is a skill as well as part of a plugin.
        if os.path.exists(os.path.join(folder, "SKILL.md")):
            plugin.loose = {name}
        return plugin

    def ask(self, group):
        if len(group) == 1:
            group[0].room.prepare_session()
            return ask(group, group[0].room, self.usual)
        room = Room("together")
        os.makedirs(room.at(self.skills), exist_ok=True)
        homes = {plugin.name: plugin.room.at(self.skills) for plugin in group}
        for plugin in group:
            move(homes[plugin.name], room.at(self.skills))
            plugin.folder = plugin.folder.replace(homes[plugin.name], room.at(self.skills))
        room.prepare_session()
        found = ask(group, room, self.usual)
        if found is None:
            found = {}
            for plugin in group:
                again = self.install(plugin.name)
                found |= self.ask([again])
                again.room.remove()
        room.remove()
        return found


def move(source, target):
    for name in os.listdir(source):
        shutil.move(os.path.join(source, name), os.path.join(target, name))


def failure(out):
    """What a report of cpm says of an error, in a line."""
    try:
        error = json.loads(out)["error"]
    except (ValueError, KeyError):
        return ""
    return "; ".join([error["message"], *error.get("causes", [])])


def reason(text):
    """What a program said, in a line, without what stands before its reason."""
    text = re.sub(r"temp_\w+", "TEMPORARY", " ".join(text.split()))
    return re.sub(r"^.*Failed to (?:add marketplace|install plugin \S+?): ?", "", text)[:600]
