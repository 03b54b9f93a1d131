//! The servers of `tests/servers`, each a child that ends with its handle, and what the tests ask them.

use std::process::Stdio;

use data_encoding::BASE64;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

/// One running server.
pub(crate) struct Server {
    pub(crate) at: Value,
    // It ends, and its own children before it, when its standard input is closed; it is not killed,
    // since then they would have to end without it.
    _input: ChildStdin,
    _child: Child,
}

impl Server {
    pub(crate) async fn start(name: &str) -> Self {
        // The server's own script removes it, when everything in it has ended.
        let folder = tempfile::tempdir().expect("a folder").keep();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/servers.py");
        let mut child = Command::new("python3")
            .args([script, "start", name, "--dir"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there: tests/run installs it");
        let input = child.stdin.take().expect("piped");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let line = lines.next_line().await.expect("readable");
        let line = line.unwrap_or_else(|| panic!("{name} did not start: tests/run installs it"));
        let at = serde_json::from_str(&line).expect("one line of JSON");
        Self { at, _input: input, _child: child }
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.at[name].as_str().unwrap_or_else(|| panic!("{name} in {}", self.at)).to_owned()
    }

    /// One call to its own API.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        login: &str,
        body: Option<Value>,
    ) -> Value {
        drop(rustls::crypto::ring::default_provider().install_default());
        #[expect(clippy::disallowed_methods, reason = "a test asks the server itself")]
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let url = format!("{}{path}", self.text("url"));
        let mut request = client.request(method.parse().expect("a method"), url);
        if !login.is_empty() {
            request = request.header("authorization", login);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        #[expect(clippy::disallowed_methods, reason = "a test asks the server itself")]
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }
}

/// WordPress.
pub(crate) struct Blog(pub Server);

impl Blog {
    async fn rest(&self, path: &str, body: Value) -> Value {
        let pair = format!("{}:{}", self.0.text("user"), self.0.text("password"));
        let login = format!("Basic {}", BASE64.encode(pair.as_bytes()));
        self.0.call("POST", &format!("/wp-json{path}"), &login, Some(body)).await
    }

    pub(crate) async fn publish(&self, title: &str) -> u64 {
        let content = format!("<p>All there is to say: {title}.</p>");
        let post = json!({ "title": title, "content": content, "status": "publish" });
        self.rest("/wp/v2/posts", post).await["id"].as_u64().expect("an id")
    }

    pub(crate) async fn edit(&self, id: u64, content: &str) {
        self.rest(&format!("/wp/v2/posts/{id}"), json!({ "content": content })).await;
    }

    pub(crate) async fn permalinks(&self, structure: &str) {
        self.rest("/oncecast/v1/permalinks", json!({ "structure": structure })).await;
    }

    pub(crate) async fn move_to_https(&self) {
        self.rest("/oncecast/v1/https", json!({})).await;
    }
}

/// What the readers of each group see, by the group's own API.
pub(crate) async fn sky_posts(server: &Server) -> Vec<String> {
    let did = server.text("did");
    let path = format!(
        "/xrpc/com.atproto.repo.listRecords?repo={did}&collection=app.bsky.feed.post&limit=100"
    );
    texts(&server.call("GET", &path, "", None).await["records"], |r| &r["value"]["text"])
}

pub(crate) async fn room_messages(server: &Server) -> Vec<String> {
    let login = format!("Bearer {}", server.text("reader"));
    let room = server.text("room").replace('!', "%21").replace(':', "%3A");
    let path = format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&limit=200");
    let page = server.call("GET", &path, &login, None).await;
    let all = texts(&page["chunk"], |event| &event["content"]["body"]);
    all.into_iter().filter(|body| !body.is_empty()).collect()
}

pub(crate) async fn fedi_statuses(server: &Server) -> Vec<String> {
    let login = format!("Bearer {}", server.text("token"));
    let me = server.call("GET", "/api/v1/accounts/verify_credentials", &login, None).await;
    let id = me["id"].as_str().expect("an id");
    let path = format!("/api/v1/accounts/{id}/statuses?limit=40");
    texts(&server.call("GET", &path, &login, None).await, |status| &status["content"])
}

fn texts(list: &Value, text: impl Fn(&Value) -> &Value) -> Vec<String> {
    let list = list.as_array().unwrap_or_else(|| panic!("a list: {list}"));
    list.iter().map(|item| text(item).as_str().unwrap_or_default().to_owned()).collect()
}
