"""Requests to the servers on loopback, past any proxy that the machine may have set."""

import json
import random
import socket
import urllib.error
import urllib.request

ANSWER_SECONDS = 30
# Below the ports that the kernel lends to outgoing connections (ip_local_port_range begins at 32768).
PORTS = range(15000, 32768)
HELD = []


def free_port():
    """A port that nobody has, and that no other of these scripts takes before it is bound: an abstract
    socket that ends with this process holds its number."""
    while True:
        port = random.choice(PORTS)
        hold = socket.socket(socket.AF_UNIX)
        try:
            hold.bind(f"\0oncecast-test-port-{port}")
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", port))
        except OSError:
            hold.close()
            continue
        HELD.append(hold)
        return port


def call(url, body=None, headers=None, method=None):
    """One request; status and JSON, or text where it is none."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)
    if data is not None:
        request.add_header("content-type", "application/json")
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=ANSWER_SECONDS) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    except OSError:
        return 0, None
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text.decode(errors="replace")


def answers(url):
    return lambda: call(url)[0] == 200
