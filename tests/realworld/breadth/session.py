"""What a session of the client shows of installed plugins, sorted by plugin.

Lines are without the plugin's own name, so that `skill a` means the same whether a session calls it `kit:a` or, placed
loose, `a`. Many plugins share a session; those with MCP servers do not, because the client drops one of two servers that
start the same."""

import json
import re

import tree

A_SESSION = 25


class Installed:
    """A plugin as it lies in a room, and the names its parts go by in a session."""

    def __init__(self, name, room, folder, entry):
        self.name, self.room, self.folder, self.entry = name, room, folder, entry
        self.identity = None
        self.namespaces, self.loose, self.servers = set(), set(), set()
        self.files, self.placement, self.outward = {}, "plugin", {}

    def needs_own_session(self):
        return bool(self.servers) or tree.mentions(self.folder, self.entry, *tree.SERVERS)

    def part(self, line):
        """The line without the plugin's name, or None if it is not of this plugin."""
        kind, _, rest = line.partition(" ")
        for namespace in self.namespaces:
            if kind == "plugin" and rest.startswith(f"{namespace} "):
                return "plugin"
            prefix = f"plugin:{namespace}:" if kind in ("mcp", "mcp-status") else f"{namespace}:"
            if rest.startswith(prefix):
                return f"{kind} {rest.removeprefix(prefix)}"
        if kind in ("mcp", "mcp-status"):
            return line if rest.partition(" ")[0] in self.servers else None
        if kind == "plugin-error":
            told = json.loads(rest)
            if {told.get("plugin"), *told.get("plugin", "").split("@")} & (self.namespaces | {self.identity}):
                return fault(told.get("message", ""))
        return line if rest in self.loose else None


def fault(message):
    """An error of the client without what differs from place to place: its first words, and those after a colon."""
    return "error " + re.match(r"[^:]*(?:: [\w ]+)?", message)[0]


def faults(room):
    """Identity -> what `plugin list` says is wrong with the plugin; a session does not tell all of that."""
    code, out, err = room.client("plugin", "list", "--json")
    if code:
        raise RuntimeError(f"the client does not list its plugins in {room.base}: {err}")
    return {plugin["id"]: {fault(message) for message in plugin.get("errors", [])} for plugin in json.loads(out)}


def sessions(installed):
    """Groups that may share a session: no servers, and no name twice."""
    groups = []
    for plugin in installed:
        names = plugin.namespaces | plugin.loose
        if plugin.needs_own_session():
            groups.append(([plugin], None))
            continue
        for group, taken in groups:
            if taken is not None and len(group) < A_SESSION and not names & taken:
                group.append(plugin)
                taken |= names
                break
        else:
            groups.append(([plugin], set(names)))
    return [group for group, _ in groups]


def inventory(room, identity):
    """What `plugin details` lists beside that which a session shows."""
    code, out, err = room.client("plugin", "details", identity)
    if code:
        return {f"no details: {(out + err).strip()}"}
    found = re.findall(r"^  ([A-Z][\w ]*) \(\d+\)  (.*?)(?:  \(.*\))?$", out, re.MULTILINE)
    return {f"{kind.lower()} {names}" for kind, names in found if kind not in ("Skills", "Agents", "MCP servers")}


def ask(group, room, usual):
    """The observations of installed plugins that share a room, or None when a line has no owner among several."""
    stubs = set().union(*(tree.commands(plugin.folder, plugin.entry) for plugin in group))
    lines = room.loaded(stubs if any(plugin.needs_own_session() for plugin in group) else ())
    loaded = {plugin.name: set() for plugin in group}
    for line in lines:
        owners = [(plugin, part) for plugin in group if (part := plugin.part(line)) is not None]
        if not owners and line in usual:
            continue
        if not owners and len(group) > 1:
            return None
        for plugin, part in owners or [(group[0], line)]:
            loaded[plugin.name].add(part)
    wrong = faults(room)
    for plugin in group:
        loaded[plugin.name] |= wrong.get(plugin.identity, set())
        if plugin.identity and tree.mentions(plugin.folder, plugin.entry, *tree.INVENTORY):
            loaded[plugin.name] |= inventory(room, plugin.identity)
    return {
        plugin.name: {
            "loaded": sorted(loaded[plugin.name]),
            "files": plugin.files,
            "placement": plugin.placement,
            "outward": plugin.outward,
        }
        for plugin in group
    }
