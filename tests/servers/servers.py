#!/usr/bin/env python3
"""Real servers for the end-to-end tests: installs them into a cache, and runs them on loopback.

    servers.py install [NAME ...]      all of them where none is named
    servers.py start NAME --dir DIR    runs one until standard input closes or SIGTERM comes, and removes
                                       DIR then; when it is ready, one line of JSON on standard output
                                       says where it is and how to log in
    servers.py check [NAME ...]        starts each twice: makes real calls and ends it, then kills this
                                       script while it runs; no process may be left either time

Names: wordpress bluesky matrix mastodon. The cache is $ONCECAST_TEST_CACHE, or oncecast-tests in
$XDG_CACHE_HOME or ~/.cache. Every listener is bound to 127.0.0.1 on a port of its own choice, and every
child ends with this process, however it ends.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

# The checkout stays as it was cloned.
sys.dont_write_bytecode = True

import platforms
import wordpress
from install import CACHE, install, installed
from processes import Stage, remaining, say

STARTERS = {
    "wordpress": wordpress.start_wordpress,
    "bluesky": platforms.start_bluesky,
    "matrix": platforms.start_matrix,
    "mastodon": platforms.start_mastodon,
}
PROOFS = {
    "wordpress": wordpress.prove_wordpress,
    "bluesky": platforms.prove_bluesky,
    "matrix": platforms.prove_matrix,
    "mastodon": platforms.prove_mastodon,
}
ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LOOK_SECONDS = 0.2
# The kernel ends the children of a killed parent at once; a database takes a moment to be gone.
GONE_SECONDS = 10


def leave(number, _):
    """Once is enough: nothing may interrupt the ending of the children."""
    for each in ENDS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


def until_nobody_listens():
    """Whoever holds the other end of standard input wants this server; when it is gone, so are we."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def start(name, folder):
    threading.Thread(target=until_nobody_listens, daemon=True).start()
    try:
        if not installed(name):
            sys.exit(f"[servers] {name} is not installed (cache: {CACHE}): run tests/servers/servers.py install {name}")
        with Stage(folder) as stage:
            print(json.dumps(STARTERS[name](stage)), flush=True)
            while True:
                stage.alive()
                time.sleep(LOOK_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Started:
    """A server that runs as the tests run it: as a child, in a folder of its own."""

    def __init__(self, name):
        # The resolved name, since that is what its processes carry.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"oncecast-{name}-")).resolve()
        began = time.monotonic()
        self.child = subprocess.Popen(
            [sys.executable, __file__, "start", name, "--dir", self.folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        line = self.child.stdout.readline()
        self.seconds = time.monotonic() - began
        assert line, f"{name} did not start, as said above"
        self.at = json.loads(line)
        assert remaining(self.folder), "what is looked for at the end can be seen while it runs"

    def gone(self, how):
        """Fails where a process is left; those are ended, so that a failed check leaves none either."""
        end = time.monotonic() + GONE_SECONDS
        while (left := remaining(self.folder)) and time.monotonic() < end:
            time.sleep(0.05)
        words = [pathlib.Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") for pid in left]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
        assert not left, f"left after {how}: {words}"


def check(name):
    server = Started(name)
    try:
        PROOFS[name](server.at)
    finally:
        server.child.stdin.close()
        code, kept = server.child.wait(), server.folder.exists()
        server.gone("its standard input was closed")
    assert (code, kept) == (128 + signal.SIGTERM, False), f"{name} ended with {code}, its folder kept: {kept}"
    killed = Started(name)
    killed.child.kill()
    killed.child.wait()
    killed.gone("a SIGKILL")
    say(f"{name}: ready in {server.seconds:.1f} s, does what the tests rely on, and leaves no process")


def main(arguments):
    # By an exception, so that whatever is under way is put in order first.
    for number in ENDS:
        signal.signal(number, leave)
    verb, names = (arguments[0] if arguments else ""), arguments[1:]
    if verb == "start" and len(names) == 3 and names[0] in STARTERS and names[1] == "--dir":
        start(names[0], names[2])
    elif verb in ("install", "check") and all(name in STARTERS for name in names):
        names = names or list(STARTERS)
        if verb == "install":
            install(names)
        else:
            try:
                for name in names:
                    check(name)
            except AssertionError as broken:
                sys.exit(f"[servers] {name}: {broken}")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
