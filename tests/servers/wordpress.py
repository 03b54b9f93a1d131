"""WordPress from Debian's packages: a database, a copy of the site, and PHP's own web server."""

import base64
import json
import os
import secrets
import shutil
import subprocess

from ask import answers, call, free_port
from install import HERE


def start_wordpress(stage):
    port, db_port, folder = free_port(), free_port(), stage.folder
    database = folder / "database"
    database.mkdir()
    user = None
    if os.geteuid() == 0:
        # It refuses to run as root, so its own user must reach its files.
        user = "mysql"
        folder.chmod(0o755)
        shutil.chown(database, user, user)
    stage.run("database", [
        "mariadb-install-db", "--no-defaults", f"--datadir={database}", "--skip-test-db",
        "--auth-root-authentication-method=normal", *([f"--user={user}"] if user else []),
    ])
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
    made = sql(
        "create database blog character set utf8mb4; create user blog@'127.0.0.1' identified by 'blog';"
        "create user blog@localhost identified by 'blog'; grant all on blog.* to blog@'127.0.0.1';"
        "grant all on blog.* to blog@localhost;"
    )
    if not made:
        stage.fail("mariadb", "it made no database for the blog")
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
    # No workers: they outlive a server that is ended, and keep its port.
    env = {"SITE": str(tree), "HOST": f"127.0.0.1:{port}", "PHP_CLI_SERVER_WORKERS": ""}
    password = stage.run("setup", ["php", HERE / "wordpress-setup.php"], env=env).split()[-1]
    server = ["php", "-S", f"127.0.0.1:{port}", "-t", tree, HERE / "wordpress-router.php"]
    stage.spawn("wordpress", server, env=env)
    stage.until("wordpress", answers(f"{url}/feed/"))
    return {"url": url, "feed": f"{url}/feed/", "user": "admin", "password": password}


def wordpress_call(at, method, path, body=None):
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
