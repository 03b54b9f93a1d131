//! Hubs that call when a feed changes: at real sockets, and with a kill in between.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use oncecast::wire::{Reach, Wire};
use sha1::Sha1;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::binary::lane;
use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::until;

#[derive(Default)]
struct Blog {
    titles: Vec<&'static str>,
    hub: String,
    own: String,
    /// How often its feed was asked for.
    polls: u32,
    /// What the hub was asked.
    asked: Vec<BTreeMap<String, String>>,
}

type Shared = Arc<Mutex<Blog>>;

async fn feed(State(blog): State<Shared>) -> String {
    let mut blog = blog.lock().expect("free");
    blog.polls += 1;
    document(&blog)
}

fn document(blog: &Blog) -> String {
    let Blog { hub, own, titles, .. } = blog;
    let item =
        |t: &&str| format!("<item><title>{t}</title><link>http://b.example/{t}</link></item>");
    let items: String = titles.iter().map(item).collect();
    format!(
        "<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\"><channel><title>b</title>\
         <atom:link rel=\"hub\" href=\"{hub}\"/><atom:link rel=\"self\" href=\"{own}\"/>{items}\
         </channel></rss>"
    )
}

async fn asked(State(blog): State<Shared>, form: String) -> StatusCode {
    let form = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    blog.lock().expect("free").asked.push(form);
    StatusCode::ACCEPTED
}

async fn open() -> Shared {
    let blog = Shared::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    {
        let mut blog = blog.lock().expect("free");
        blog.titles = vec!["Old"];
        (blog.hub, blog.own) = (format!("http://{address}/hub"), format!("http://{address}/feed"));
    }
    let app = Router::new().route("/feed", get(feed)).route("/hub", post(asked));
    let app = app.with_state(Arc::clone(&blog));
    tokio::spawn(async move { axum::serve(listener, app).await });
    blog
}

/// One request to where the daemon takes calls: the status, and what it says.
async fn call(listen: &str, request: &str, body: &str) -> (u16, String) {
    let mut stream = tokio::net::TcpStream::connect(listen).await.expect("it listens");
    let length = body.len();
    let text =
        format!("{request}host: x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    let said = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    (status, said.unwrap_or_default())
}

fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(body.as_bytes());
    format!("x-hub-signature: sha1={}\r\n", HEXLOWER.encode(&mac.finalize().into_bytes()))
}

/// A push that was believed has told posts twice (Automattic/pushpress#15): it carried other guids than
/// the feed. And whoever can make a daemon poll, or post, by a mere request owns it.
#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_calls_is_a_reason_to_poll_and_nothing_it_carries_is_believed() {
    let blog = open().await;
    let readers = Receiver::open(Manner::Answers(204)).await;
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let listen = port.local_addr().expect("an address").to_string();
    drop(port);
    let own = blog.lock().expect("free").own.clone();
    let mut daemon = Daemon::with(&format!(
        "[guard]\nsettle = \"0s\"\nburst = 100\nshare = 1.0\n\
         [websub]\ncallback = \"http://{listen}/websub/\"\nlisten = {listen:?}\n\
         [[feed]]\nname = \"blog\"\nurl = {own:?}\nevery = \"1d\"\n{}",
        lane("readers", &readers.url, "pace = { every = \"0s\", burst = 1 }\n")
    ));
    daemon.start().await;
    daemon.baseline("blog").await;
    until("the hub to be asked", async || blog.lock().expect("free").asked.len() == 1).await;
    let form = blog.lock().expect("free").asked[0].clone();
    assert_eq!((&*form["hub.mode"], &form["hub.topic"]), ("subscribe", &own));
    let (secret, callback) = (form["hub.secret"].clone(), form["hub.callback"].clone());
    let path = callback.strip_prefix(&format!("http://{listen}")).expect("ours").to_owned();
    assert!(path.starts_with("/websub/") && path.len() > 40, "{path}");
    let verify = async |path: &str, topic: &str| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("hub.mode", "subscribe").append_pair("hub.topic", topic);
        query.append_pair("hub.challenge", "c-1").append_pair("hub.lease_seconds", "864000");
        call(&listen, &format!("GET {path}?{} HTTP/1.1\r\n", query.finish()), "").await
    };
    assert_eq!(verify("/websub/guessed", &own).await.0, 404);
    assert_eq!(verify(&path, "http://other.example/feed").await.0, 404);
    assert_eq!(verify(&path, &own).await, (200, "c-1".to_owned()));

    // What it will call under is known before it is asked, so that a kill loses nobody's call.
    daemon.kill().await;
    daemon.start().await;
    assert_eq!(blog.lock().expect("free").polls, 1);
    let forged = {
        let mut blog = blog.lock().expect("free");
        blog.titles = vec!["Forged"];
        let forged = document(&blog);
        blog.titles = vec!["News", "Old"];
        forged
    };
    let push = async |path: &str, more: &str| {
        call(&listen, &format!("POST {path} HTTP/1.1\r\n{more}"), &forged).await.0
    };
    assert_eq!(push("/websub/guessed", "").await, 410, "such a hub may stop");
    assert_eq!(push(&path, "").await, 202, "who cannot sign learns nothing");
    assert_eq!(push(&path, &signature("wrong", &forged)).await, 202);
    assert_eq!(push(&path, &signature(&secret, "another body")).await, 202);
    assert_eq!(blog.lock().expect("free").polls, 1, "and nothing comes of it");
    assert_eq!(push(&path, &signature(&secret, &forged)).await, 202);
    until("the poll", async || daemon.count("readers", "published").await == 1).await;
    for _ in 0..20 {
        assert_eq!(push(&path, &signature(&secret, &forged)).await, 202);
    }
    let told: Vec<String> = readers.seen().into_keys().collect();
    assert_eq!(told, ["News"]);
    assert_eq!(blog.lock().expect("free").polls, 2, "a hub that shouts is heard once a minute");
    let hub = &daemon.status().await["feeds"][0]["hub"];
    assert_eq!(hub["url"], blog.lock().expect("free").hub, "{hub}");
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
    assert!(!daemon.log().contains(&secret), "a secret stands in the log");
}

/// A feed names its hub; it must not send us into our own network.
#[tokio::test]
async fn a_hub_is_not_asked_at_a_private_address() {
    let wire = Wire::open().expect("a client");
    for url in ["http://127.0.0.1:9/hub", "http://[::1]:9/", "http://localhost:9/hub"] {
        let asked = wire.ask_hub(url, String::new(), Reach::PublicOnly).await;
        let why = asked.expect_err(url).to_string();
        assert!(why.contains("is not a public address"), "{url}: {why}");
    }
}
