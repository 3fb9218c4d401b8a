#!/usr/bin/python3 -I
"""An MCP server over stdio that stands in for the program of an entry, under that program's name.

It has one tool, whose name is a digest of how it was started: its arguments and environment, with the folders that
differ from run to run taken out. So two lists of tools are the same if the client started the same thing."""

import hashlib
import json
import os
import sys

FOLDERS = ["CLAUDE_PLUGIN_ROOT", "CLAUDE_PLUGIN_DATA", "CLAUDE_PROJECT_DIR", "HOME"]
# What the client or the shell sets for any server, whatever its entry says.
OF_THE_SESSION = {"HOME", "LANG", "LOGNAME", "OLDPWD", "PATH", "PWD", "SHELL", "SHLVL", "TERM", "TMPDIR", "USER", "_"}
PREFIXES = ("ANTHROPIC_", "CLAUDE", "DISABLE_", "LC_", "MCP_")


def portable(text):
    for name in FOLDERS:
        if os.environ.get(name):
            text = text.replace(os.environ[name], f"<{name}>")
    return text


def start():
    environment = {
        name: portable(value)
        for name, value in os.environ.items()
        if name not in OF_THE_SESSION and not name.startswith(PREFIXES)
    }
    command = [os.path.basename(sys.argv[0])] + [portable(word) for word in sys.argv[1:]]
    return json.dumps([command, environment], sort_keys=True)


TOOL = {
    "name": "started_" + hashlib.sha256(start().encode()).hexdigest()[:12],
    "description": "stands in",
    "inputSchema": {"type": "object", "properties": {}},
}
for line in sys.stdin:
    request = json.loads(line)
    if "id" not in request:
        continue
    answers = {
        "initialize": {
            "protocolVersion": (request.get("params") or {}).get("protocolVersion"),
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "stub", "version": "1"},
        },
        "tools/list": {"tools": [TOOL]},
    }
    answer = {"jsonrpc": "2.0", "id": request["id"], "result": answers.get(request.get("method"), {})}
    print(json.dumps(answer), flush=True)
