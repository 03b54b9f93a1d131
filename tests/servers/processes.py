"""What this folder starts: commands that end in time, and children that never outlive their parent."""

import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import time

READY_SECONDS = 90
# A server that was asked to end has this long; then it is killed.
END_SECONDS = 10
# The end of a log is enough to see what went wrong.
TAIL = 4000
# Every process of a stage carries its folder under this name, so that what remains can be found.
MARK = "ONCECAST_TEST_STAGE"

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def say(words):
    print(f"[servers] {words}", file=sys.stderr, flush=True)


def tied():
    """For a child between fork and exec: the kernel kills it when its parent is gone.

    A change of user takes this off again (prctl(2)). So a child changes its user before, and no
    program is started here that does so by itself, or that leaves the work to children of its own.
    """
    parent = os.getpid()

    def tie():
        if LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0 or os.getppid() != parent:
            os._exit(1)

    return tie


def tail(log):
    return pathlib.Path(log).read_text(errors="replace")[-TAIL:]


def run(command, log, seconds, tries=1, cwd=None, env=None):
    """Runs a command to its end, or ends it and all that it has started. Gives what it printed."""
    command = list(map(str, command))
    why = ""
    for attempt in range(1, tries + 1):
        with open(log, "ab") as out:
            began = out.tell()
            # A session of its own: npm and pip hang in children, and one signal must end them all.
            child = subprocess.Popen(
                command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True, preexec_fn=tied(),
            )
            try:
                code = child.wait(seconds)
                if code == 0:
                    return pathlib.Path(log).read_bytes()[began:].decode(errors="replace")
                why = f"it ended with {code}"
            except subprocess.TimeoutExpired:
                why = f"it had not ended after {seconds} s"
            finally:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
        if tries > 1:
            say(f"try {attempt} of {tries}: {why}: {' '.join(command)}")
    sys.exit(f"[servers] failed: {' '.join(command)}\n{why}; its log is {log}, which ends:\n{tail(log)}")


class Stage:
    """One folder and the processes of one server in it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.children = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def log(self, name):
        return self.folder / f"{name}.log"

    def environment(self, extra=None):
        return {**os.environ, **(extra or {}), MARK: str(self.folder)}

    def run(self, name, command, env=None):
        return run(command, self.log(name), READY_SECONDS, cwd=self.folder, env=self.environment(env))

    def spawn(self, name, command, env=None, user=None):
        alone = {"user": user, "group": user, "extra_groups": []} if user else {}
        with open(self.log(name), "ab") as log:
            child = subprocess.Popen(
                list(map(str, command)), cwd=self.folder, env=self.environment(env),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=tied(), **alone,
            )
        self.children.append((name, child))

    def alive(self):
        """Fails, with its log, where a child has ended by itself."""
        for name, child in self.children:
            if child.poll() is not None:
                self.fail(name, f"it ended with {child.returncode}")

    def until(self, name, ready):
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            self.alive()
            if ready():
                return
            time.sleep(0.05)
        self.fail(name, f"it is not ready after {READY_SECONDS} s")

    def fail(self, name, why):
        sys.exit(f"[servers] {name}: {why}; its log ends:\n{tail(self.log(name))}")

    def end(self):
        # The last started is the first to end: a blog still speaks to its database.
        for _, child in reversed(self.children):
            child.terminate()
            try:
                child.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def remaining(folder):
    """Process ids that belong to a stage, by what they carry or where they stand."""
    mark = f"{MARK}={folder}".encode()
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            carries = mark in (process / "environ").read_bytes().split(b"\0")
            stands = os.readlink(process / "cwd").split(" (deleted)")[0]
            if carries or pathlib.Path(stands).is_relative_to(folder):
                found.append(int(process.name))
        except OSError:
            # It has ended meanwhile, or is someone else's.
            continue
    return found
