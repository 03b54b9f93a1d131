//! The daemon as a service and as its user meets it: signals, health, commands with it and without it.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::until;

const OPEN: &str = "pace = { every = \"0s\", burst = 1 }\n";

fn config(groups: &[(&str, &str)], more: &str) -> String {
    let mut text = format!(
        "[guard]\nsettle = \"0s\"\nburst = 100\nshare = 1.0\n\
         [[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\nevery = \"1s\"\n{more}\n"
    );
    for (name, url) in groups {
        text += &format!(
            "[[integration]]\nname = {name:?}\nkind = \"webhook\"\nurl = {url:?}\n{OPEN}\
             [[group]]\nname = {name:?}\nintegration = {name:?}\n"
        );
    }
    text
}

fn feed(daemon: &Daemon, titles: &[&str]) {
    let item =
        |t: &&str| format!("<item><title>{t}</title><link>http://blog.example/{t}</link></item>");
    let items: String = titles.iter().map(item).collect();
    let text = format!("<rss version=\"2.0\"><channel><title>b</title>{items}</channel></rss>");
    std::fs::write(daemon.path("feed.xml"), text).expect("written");
}

/// A command with this config: exit code, standard output, standard error.
async fn said(daemon: &Daemon, arguments: &[&str]) -> (i32, String, String) {
    let output = daemon.command(arguments).output().await.expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// One GET to the daemon: status, headers and body.
async fn get(daemon: &Daemon, path: &str, host: Option<&str>) -> (u16, String) {
    let log = daemon.log();
    let address = log
        .rsplit("listen=")
        .next()
        .and_then(|rest| rest.split_whitespace().next())
        .expect("it says where it listens")
        .to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.expect("it listens");
    let host = host.unwrap_or(&address);
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    (status, answer)
}

async fn signal(daemon: &Daemon, name: &str) {
    let pid = daemon.pid().expect("it runs").to_string();
    let sent = Command::new("kill").args([name, &pid]).status().await.expect("kill");
    assert!(sent.success());
}

async fn started(groups: &[(&str, &str)], more: &str) -> Daemon {
    let mut daemon = Daemon::with(&config(groups, more));
    feed(&daemon, &["Old"]);
    daemon.start().await;
    daemon.baseline("blog").await;
    daemon
}

/// A restart in the middle of a post would leave it in doubt: SIGTERM lets it finish.
#[tokio::test(flavor = "multi_thread")]
async fn a_post_under_way_is_finished_before_the_end() {
    let slow = Receiver::open(Manner::After(Duration::from_secs(2))).await;
    let mut daemon = started(&[("slow", &slow.url)], "").await;
    feed(&daemon, &["New", "Old"]);
    until("the post to be under way", async || slow.requests() == 1).await;
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
    let (_, status, _) = said(&daemon, &["status", "--json"]).await;
    let status: Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(status["groups"][0]["counts"]["published"], 1, "{status}");
    assert_eq!(slow.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_is_taken_while_it_runs_and_a_broken_one_is_not() {
    let (one, two) =
        (Receiver::open(Manner::Answers(204)).await, Receiver::open(Manner::Answers(204)).await);
    let daemon = started(&[("one", &one.url)], "").await;
    daemon.configure("[[feed]]\nname = 7\n");
    let (code, _, error) = said(&daemon, &["reload"]).await;
    assert_eq!(code, 78, "{error}");
    assert!(error.contains("oncecast.toml:"), "{error}");
    feed(&daemon, &["New", "Old"]);
    until("the old config to go on", async || one.requests() == 1).await;
    daemon.configure(&config(&[("one", &one.url), ("two", &two.url)], ""));
    signal(&daemon, "-HUP").await;
    until("the new one", async || {
        daemon.status().await["groups"].as_array().map(Vec::len) == Some(2)
    })
    .await;
    feed(&daemon, &["Newer", "New", "Old"]);
    until("both to hear", async || one.requests() == 2 && two.requests() == 1).await;
    one.assert_once();
    assert_eq!(two.seen().keys().collect::<Vec<_>>(), ["Newer"], "a new group hears nothing old");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_says_who_has_the_ledger_and_ends() {
    let group = Receiver::open(Manner::Answers(204)).await;
    let daemon = started(&[("one", &group.url)], "").await;
    let (code, _, error) = said(&daemon, &["run"]).await;
    let pid = daemon.pid().expect("it runs").to_string();
    assert_eq!(code, 75, "{error}");
    assert!(error.contains(&pid), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_and_the_watchdog_is_fed() {
    let group = Receiver::open(Manner::Answers(204)).await;
    let mut daemon = Daemon::with(&config(&[("one", &group.url)], ""));
    feed(&daemon, &["Old"]);
    let path = daemon.path("notify");
    let socket = UnixDatagram::bind(&path).expect("bound");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    daemon.set("NOTIFY_SOCKET", path.to_str().expect("text"));
    daemon.set("WATCHDOG_USEC", "300000");
    daemon.start().await;
    let hear = |wanted: &str| {
        let mut buffer = [0; 4096];
        loop {
            let read = socket.recv(&mut buffer).expect(wanted);
            let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
            if text.contains(wanted) {
                return text;
            }
        }
    };
    assert!(hear("READY=1").contains("STATUS="));
    hear("WATCHDOG=1");
    signal(&daemon, "-HUP").await;
    assert!(hear("RELOADING=1").contains("MONOTONIC_USEC="));
    hear("READY=1");
    signal(&daemon, "-TERM").await;
    hear("STOPPING=1");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_why_in_words() {
    let group = Receiver::open(Manner::Answers(204)).await;
    let daemon = started(&[("one", &group.url)], "").await;
    for path in ["/livez", "/readyz", "/healthz", "/status", "/metrics"] {
        assert_eq!(get(&daemon, path, None).await.0, 200, "{path}");
    }
    assert_eq!(get(&daemon, "/status", Some("evil.example")).await.0, 421);
    let (_, metrics) = get(&daemon, "/metrics", None).await;
    assert!(metrics.contains("application/openmetrics-text") && metrics.contains("# EOF"));
    assert!(
        metrics.contains("oncecast_deliveries{group=\"one\",status=\"baseline\"} 1"),
        "{metrics}"
    );

    let (code, _, _) = said(&daemon, &["stop-all", "--reason", "a fire"]).await;
    assert_eq!(code, 0);
    let (status, health) = get(&daemon, "/healthz", None).await;
    assert_eq!(status, 503);
    assert!(health.contains("a fire") || health.contains("STOP"), "{health}");
    assert!(health.contains("application/health+json"), "{health}");
    feed(&daemon, &["New", "Old"]);
    until("the post to be due", async || daemon.count("one", "due").await == 1).await;
    assert_eq!(group.requests(), 0);
    let (code, _, error) = said(&daemon, &["resume", "--all"]).await;
    assert_eq!(code, 0, "{error}");
    until("it to be sent", async || group.requests() == 1).await;
    until("health", async || get(&daemon, "/healthz", None).await.0 == 200).await;

    std::fs::write(daemon.path("feed.xml"), "<html><title>A login page</title></html>")
        .expect("written");
    until("the feed's illness to be told", async || {
        let (status, health) = get(&daemon, "/healthz", None).await;
        status == 503 && health.contains("feed blog") && health.contains("HTML")
    })
    .await;
    group.assert_once();
}

/// A wrong token stops its lane alone, and says which secret it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_stops_one_lane_and_says_which() {
    let fine = Receiver::open(Manner::Answers(204)).await;
    let denies = Receiver::open(Manner::Denies(401)).await;
    let url = denies.url.trim_end_matches("/hook");
    let more = format!(
        "[[integration]]\nname = \"fedi\"\nkind = \"mastodon\"\nurl = {url:?}\n\
         token = {{ env = \"FEDI_TOKEN\" }}\n{OPEN}\
         [[group]]\nname = \"followers\"\nintegration = \"fedi\"\n"
    );
    let mut daemon = Daemon::with(&config(&[("one", &fine.url)], &more));
    daemon.set("FEDI_TOKEN", "t0p-s3cret");
    feed(&daemon, &["Old"]);
    daemon.start().await;
    daemon.baseline("blog").await;
    feed(&daemon, &["New", "Old"]);
    until("the other lane to send", async || fine.requests() == 1).await;
    until("the lane to stop", async || get(&daemon, "/healthz", None).await.0 == 503).await;
    let (_, health) = get(&daemon, "/healthz", None).await;
    assert!(health.contains("FEDI_TOKEN") && health.contains("oncecast resume fedi"), "{health}");
    assert_eq!(daemon.count("followers", "due").await, 1, "the post waits and is not lost");
    assert!(!health.contains("t0p-s3cret") && !daemon.log().contains("t0p-s3cret"));
    let (code, out, _) = said(&daemon, &["check"]).await;
    assert_eq!(code, 1);
    assert!(out.contains("FAIL") && out.contains("FEDI_TOKEN") && !out.contains("t0p"), "{out}");
}

/// A replay by hand: to those who have not had it, with the daemon and without.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_repeats_nothing_unless_a_person_says_why() {
    let group = Receiver::open(Manner::Answers(204)).await;
    let mut daemon = started(&[("one", &group.url)], "").await;
    let old = "http://blog.example/Old";
    // It has long left the feed.
    feed(&daemon, &["New"]);
    until("the new post", async || group.requests() == 1).await;
    let (code, out, error) = said(&daemon, &["replay", old, "--dry-run"]).await;
    assert_eq!((code, group.requests()), (0, 1), "{out}{error}");
    let (code, out, error) = said(&daemon, &["replay", old]).await;
    assert_eq!((code, group.requests()), (0, 2), "{out}{error}");
    let (code, out, _) = said(&daemon, &["replay", old]).await;
    assert_eq!((code, group.requests()), (4, 2), "{out}");
    assert!(out.contains("it has it") && out.contains("published"), "{out}");
    group.assert_once();
    let (code, _, _) = said(&daemon, &["replay", old, "--again"]).await;
    assert_eq!(code, 2, "not without a reason");

    assert_eq!(daemon.end().await, Some(0));
    let (code, out, _) = said(&daemon, &["replay", old]).await;
    assert_eq!((code, group.requests()), (4, 2), "{out}");
    let again = ["replay", old, "--again", "--reason", "they asked for it"];
    let (code, out, error) = said(&daemon, &again).await;
    assert_eq!((code, group.requests()), (0, 3), "{out}{error}");
    let (_, why, _) = said(&daemon, &["why", old]).await;
    assert!(why.contains("they asked for it") && why.contains("/one/2"), "{why}");
    let (code, _, error) = said(&daemon, &["why", "http://blog.example/Never"]).await;
    assert_eq!(code, 66, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_or_in_doubt_is_a_persons_to_settle() {
    let group = Receiver::scripted(|n| match n {
        1 => Manner::Drops,
        _ => Manner::Answers(204),
    })
    .await;
    let mut daemon = started(&[("one", &group.url)], "").await;
    feed(&daemon, &["New", "Old"]);
    until("the doubt", async || daemon.count("one", "in_doubt").await == 1).await;
    let (_, out, _) = said(&daemon, &["status"]).await;
    assert!(out.contains("oncecast resolve"), "{out}");
    assert!(!out.contains('\x1b'), "a pipe gets no colour");
    let (code, _, error) = said(&daemon, &["release", "http://blog.example/New"]).await;
    assert_eq!(code, 4, "{error}");
    let name = "http://blog.example/New/one";
    let (code, out, error) = said(&daemon, &["resolve", name, "--absent"]).await;
    assert_eq!(code, 0, "{out}{error}");
    until("it to be sent once more", async || group.requests() == 2).await;
    until("its receipt", async || daemon.count("one", "published").await == 1).await;
    let (code, _, error) = said(&daemon, &["resolve", name, "--absent"]).await;
    assert_eq!(code, 4, "what is published stays so: {error}");

    let (code, _, _) = said(&daemon, &["pause", "one", "--reason", "a holiday"]).await;
    assert_eq!(code, 0);
    daemon.kill().await;
    daemon.start().await;
    feed(&daemon, &["Newer", "New", "Old"]);
    until("the next post to wait", async || daemon.count("one", "due").await == 1).await;
    let (code, out, _) =
        said(&daemon, &["withdraw", "http://blog.example/Newer", "--reason", "no"]).await;
    assert_eq!(code, 0, "{out}");
    said(&daemon, &["resume", "one"]).await;
    feed(&daemon, &["Newest", "Newer", "New", "Old"]);
    until("the last post", async || group.requests() == 3).await;
    assert_eq!(group.seen().get("Newer"), None);
}

/// A post that fells the daemon is met again at every start: after the third in ten minutes nothing is
/// sent, whoever asks is told, and only a person or half an hour lets it go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_falls_over_again_and_again_only_observes() {
    let group = Receiver::open(Manner::Answers(204)).await;
    let mut daemon = started(&[("one", &group.url)], "").await;
    for _ in 0..4 {
        assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
        daemon.start().await;
    }
    assert_eq!(get(&daemon, "/healthz", None).await.0, 200, "clean ends count for nothing");
    for _ in 0..3 {
        daemon.kill().await;
        daemon.start().await;
    }
    // It is written down: another start, after a clean end, changes nothing.
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
    daemon.start().await;
    feed(&daemon, &["New", "Old"]);
    until("the post to be due", async || daemon.count("one", "due").await == 1).await;
    let (status, health) = get(&daemon, "/healthz", None).await;
    assert!(status == 503 && health.contains("fell over"), "{health}");
    assert!(health.contains("oncecast resume --all"), "{health}");
    let (code, out, _) = said(&daemon, &["status"]).await;
    assert!(code == 1 && out.contains("only observes until"), "{out}");
    let (_, metrics) = get(&daemon, "/metrics", None).await;
    assert!(metrics.contains("oncecast_sending 0"), "{metrics}");
    assert!(metrics.contains("oncecast_unclean_starts_10m 3"), "{metrics}");
    assert!(daemon.log().contains("nothing is sent; to go on"), "{}", daemon.log());
    let (code, out, error) = said(&daemon, &["check"]).await;
    assert!(code == 1 && out.contains("FAIL  ledger"), "{out}{error}");
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
    let (code, out, error) = said(&daemon, &["check"]).await;
    assert!(code == 1 && out.contains("only observes until"), "{out}{error}");
    daemon.start().await;
    assert_eq!(group.requests(), 0);
    let (code, _, error) = said(&daemon, &["resume", "--all"]).await;
    assert_eq!(code, 0, "{error}");
    until("it to be sent", async || daemon.count("one", "published").await == 1).await;
    until("health", async || get(&daemon, "/healthz", None).await.0 == 200).await;
    group.assert_once();
}
