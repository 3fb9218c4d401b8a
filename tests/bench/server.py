#!/usr/bin/env python3
"""server.py ROOT [CERTIFICATE KEY]   A smart-HTTP git server on loopback for the benchmarks; with a certificate, over TLS.

Serves the bare repositories ROOT/OWNER/REPO.git as /OWNER/REPO and /OWNER/REPO.git, through `git http-backend`.
Prints its port, then counts requests and the bytes of answers' bodies, and waits before each answer when told to:
/-/count answers "REQUESTS BYTES" since the last time and starts again; /-/delay/MILLISECONDS sets the wait.
Ends when it is killed, and by itself when the process that started it has ended."""

import os
import re
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = os.path.abspath(sys.argv[1])
SETTINGS = [("uploadpack.allowFilter", "true"), ("uploadpack.allowAnySHA1InWant", "true"), ("safe.directory", "*")]
lock = threading.Lock()
state = {"requests": 0, "bytes": 0, "delay": 0.0}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body would otherwise wait for each other's acknowledgement.
    disable_nagle_algorithm = True

    def answer(self):
        path, _, query = self.path.partition("?")
        if path.startswith("/-/"):
            return self.control(path)
        body = self.body()
        with lock:
            state["requests"] += 1
            delay = state["delay"]
        time.sleep(delay)
        status, headers, answer = backend(self.command, path, query, self.headers, body)
        with lock:
            state["bytes"] += len(answer)
        self.reply(status, headers, answer)

    do_GET = do_POST = answer

    def control(self, path):
        with lock:
            if path.startswith("/-/delay/"):
                state["delay"] = int(path.rsplit("/", 1)[1]) / 1000
            told = f"{state['requests']} {state['bytes']}\n"
            state["requests"] = state["bytes"] = 0
        self.reply(200, [], told.encode())

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def reply(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def backend(method, path, query, headers, body):
    """What git answers: status, headers, body."""
    named = re.match(r"^/([\w.-]+)/([\w.-]+?)(?:\.git)?(/info/refs|/git-upload-pack)$", path)
    if not named:
        return 404, [], b""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_PROJECT_ROOT": ROOT,
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{named[1]}/{named[2]}.git{named[3]}",
        "QUERY_STRING": query,
        "REQUEST_METHOD": method,
        "CONTENT_TYPE": headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": headers.get("Git-Protocol", ""),
        "REMOTE_ADDR": "127.0.0.1",
        "GIT_CONFIG_COUNT": str(len(SETTINGS)),
    }
    for at, (name, value) in enumerate(SETTINGS):
        environment |= {f"GIT_CONFIG_KEY_{at}": name, f"GIT_CONFIG_VALUE_{at}": value}
    output = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True).stdout
    head, _, answer = output.partition(b"\r\n\r\n")
    lines = [line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line]
    status = next((int(value.split()[0]) for name, value in lines if name == "Status"), 200)
    return status, [(name, value) for name, value in lines if name != "Status"], answer


def end_with(parent):
    """Ends this process soon after the one that started it."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=end_with, args=[os.getppid()], daemon=True).start()
print(server.server_address[1], flush=True)
server.serve_forever()
