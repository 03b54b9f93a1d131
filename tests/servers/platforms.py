"""Where posts go: a Bluesky PDS with its directory, a Matrix homeserver, a stand-in for Mastodon."""

import json
import secrets

from ask import answers, call, free_port
from install import CACHE, HERE, NODE


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
    stage.run("key", [python, "-m", "synapse._scripts.generate_signing_key", "-o", folder / "signing.key"])
    stage.spawn("matrix", [python, "-m", "synapse.app.homeserver", "-c", folder / "homeserver.yaml"])
    url = f"http://127.0.0.1:{port}"
    stage.until("matrix", answers(f"{url}/_matrix/client/versions"))
    user, password = "poster", "password-of-the-poster"
    register = CACHE / "matrix/bin/register_new_matrix_user"
    stage.run("register", [register, "-k", shared, "-u", user, "-p", password, "--no-admin", url])
    status, login = call(f"{url}/_matrix/client/v3/login", {
        "type": "m.login.password", "identifier": {"type": "m.id.user", "user": user},
        "password": password, "device_id": "READER",
    })
    if status != 200:
        stage.fail("matrix", f"no login: {login}")
    reader = login["access_token"]
    status, room = call(f"{url}/_matrix/client/v3/createRoom", {"preset": "private_chat"},
                        {"authorization": f"Bearer {reader}"})
    if status != 200:
        stage.fail("matrix", f"no room: {room}")
    return {"url": url, "user": user, "password": password, "room": room["room_id"], "reader": reader}


def start_bluesky(stage):
    plc_port, port = free_port(), free_port()
    folder = stage.folder
    for name in ("data", "blobs", "tmp"):
        (folder / name).mkdir()
    url = f"http://127.0.0.1:{port}"
    env = {
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
    stage.spawn("plc", [NODE, script, "plc"], env=env)
    stage.until("plc", answers(f"http://127.0.0.1:{plc_port}/_health"))
    stage.spawn("pds", [NODE, script, "pds"], env=env)
    stage.until("pds", answers(f"{url}/xrpc/_health"))
    handle, password = "poster.test", "password-of-the-poster"
    status, made = call(f"{url}/xrpc/com.atproto.server.createAccount", {
        "email": "poster@example.org", "handle": handle, "password": password,
    })
    if status != 200:
        stage.fail("pds", f"no account: {made}")
    return {"url": url, "identifier": handle, "password": password, "did": made["did"]}


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
