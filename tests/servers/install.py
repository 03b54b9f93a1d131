"""The servers' programs: Debian's packages, and a cache that is made anew where it is not whole."""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time

from processes import run, say

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(
    os.environ.get("ONCECAST_TEST_CACHE")
    or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "oncecast-tests"
)
# The npm registry has Node itself, one package a machine type, with the headers to compile against.
NODE_PACKAGE = f"node-linux-{ {'aarch64': 'arm64'}.get(platform.machine(), 'x64') }"
NODE_HOME = CACHE / "node/node_modules" / NODE_PACKAGE
NODE = NODE_HOME / "bin/node"
VERSIONS = {
    "node": [f"{NODE_PACKAGE}@22.23.3"],
    "bluesky": ["@atproto/pds@0.5.35", "@did-plc/server@0.0.1", "node-gyp@12.1.0"],
    "matrix": ["matrix-synapse==1.163.2"],
    "mastodon": ["mastodon-mock==0.6.1"],
}
# What the packages above bring along is held still too: npm's by day, pip's by a list.
NPM_BEFORE = "2026-11-22"
CONSTRAINTS = HERE / "constraints.txt"
DEBIAN = ["wordpress", "mariadb-server", "php-cli", "php-mysql", "php-xml", "php-mbstring"]

# A download takes a minute; one that hangs is ended and tried again.
DOWNLOAD_SECONDS = 300
DOWNLOAD_TRIES = 3
COMPILE_SECONDS = 900


def log(name):
    return CACHE / f"{name}.log"


@contextlib.contextmanager
def alone():
    """Two checkouts may share the cache: the second waits for the first."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another installation holds {CACHE / 'lock'}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def once(name, make, proof):
    """Makes a part of the cache, unless its stamp says that it is whole and it still works here."""
    stamp = CACHE / f"{name}.stamp"
    held = [NPM_BEFORE, hashlib.sha256(CONSTRAINTS.read_bytes()).hexdigest()]
    wanted = json.dumps([VERSIONS[name], *held])
    if stamp.exists() and stamp.read_text() == wanted and works(proof):
        return
    say(f"installing {name} ({log(name)})")
    began = time.monotonic()
    folder = CACHE / name
    stamp.unlink(missing_ok=True)
    log(name).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    make(folder)
    run(proof, log(name), DOWNLOAD_SECONDS)
    stamp.write_text(wanted)
    say(f"installed {name} in {time.monotonic() - began:.0f} s")


def works(proof):
    try:
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.run(list(map(str, proof)), timeout=60, **quiet).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def npm(folder):
    (folder / "package.json").write_text('{"private": true}')
    # No script runs: what would fetch or compile by itself is compiled here, below.
    options = ["--ignore-scripts", "--no-audit", "--no-fund", f"--before={NPM_BEFORE}"]
    command = ["npm", "install", *options, *VERSIONS[folder.name]]
    run(command, log(folder.name), DOWNLOAD_SECONDS, DOWNLOAD_TRIES, cwd=folder)


def make_bluesky(folder):
    npm(folder)
    # Its database driver's prebuilt binary is in no registry.
    gyp = folder / "node_modules/node-gyp/bin/node-gyp.js"
    run(
        [NODE, gyp, "rebuild", "--release", f"--nodedir={NODE_HOME}"], log("bluesky"), COMPILE_SECONDS,
        cwd=folder / "node_modules/better-sqlite3",
        env={**os.environ, "PATH": f"{NODE.parent}:{os.environ['PATH']}"},
    )


def make_python(folder):
    run([sys.executable, "-m", "venv", folder], log(folder.name), DOWNLOAD_SECONDS)
    pip = [folder / "bin/pip", "install", "--constraint", CONSTRAINTS, *VERSIONS[folder.name]]
    run(pip, log(folder.name), DOWNLOAD_SECONDS, DOWNLOAD_TRIES)


def debian():
    """Asks dpkg each time: a cache may have been carried to a machine without the packages."""
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f=${Package} ${db:Status-Abbrev}\n", *DEBIAN],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )
    there = {line.split()[0] for line in asked.stdout.splitlines() if line.split()[1:] == ["ii"]}
    missing = [package for package in DEBIAN if package not in there]
    if not missing:
        return
    say(f"installing Debian's {' '.join(missing)} ({log('wordpress')})")
    log("wordpress").unlink(missing_ok=True)
    with no_services():
        as_root("apt-get", "update", "-qq", tries=DOWNLOAD_TRIES)
        apt = ["apt-get", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", "install"]
        # Fetching may be ended and tried again; unpacking may not.
        as_root(*apt, "--download-only", *missing, tries=DOWNLOAD_TRIES)
        as_root("env", "DEBIAN_FRONTEND=noninteractive", *apt, *missing, seconds=COMPILE_SECONDS)


@contextlib.contextmanager
def no_services():
    """Debian starts what it installs, unless this file forbids it."""
    policy = pathlib.Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    as_root("sh", "-c", f"printf '#!/bin/sh\\nexit 101\\n' >{policy} && chmod 755 {policy}")
    try:
        yield
    finally:
        as_root("rm", "-f", policy)


def as_root(*command, seconds=DOWNLOAD_SECONDS, tries=1):
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    # Only root can end what root runs, hence the inner limit.
    limit = ["timeout", "--kill-after=10", str(seconds)]
    run([*sudo, *limit, *command], log("wordpress"), seconds + 30, tries)


def installed(name):
    if name == "wordpress":
        return all(pathlib.Path(path).exists() for path in ("/usr/share/wordpress", "/usr/sbin/mariadbd"))
    return (CACHE / f"{name}.stamp").exists()


def install(names):
    with alone():
        for name in names:
            if name == "wordpress":
                debian()
            elif name == "bluesky":
                once("node", npm, [NODE, "--version"])
                driver = f"new (require({json.dumps(str(CACHE / 'bluesky/node_modules/better-sqlite3'))}))(':memory:')"
                once("bluesky", make_bluesky, [NODE, "-e", driver])
            else:
                module = {"matrix": "synapse", "mastodon": "mastodon_mock"}[name]
                once(name, make_python, [CACHE / name / "bin/python", "-c", f"import {module}"])
