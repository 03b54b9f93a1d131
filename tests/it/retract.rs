//! `retract` as a person types it: shown, asked about, done through the daemon or without one, and never
//! undone by anything that comes later.

use std::sync::{Arc, Mutex};

use oncecast::desk::exit;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::binary::{address, publish, said};
use super::support::daemon::Daemon;
use super::support::until;

/// A server that keeps messages as Discord does: whoever reads along sees what is in it.
#[derive(Debug, Clone, Default)]
struct Channel {
    messages: Arc<Mutex<Vec<(usize, String)>>>,
    made: Arc<Mutex<usize>>,
}

impl Channel {
    async fn open(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let channel = self.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = Vec::new();
                let mut chunk = [0; 8 << 10];
                loop {
                    let read = stream.read(&mut chunk).await.unwrap_or(0);
                    bytes.extend_from_slice(&chunk[..read]);
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else {
                        if read == 0 {
                            break;
                        } else {
                            continue;
                        };
                    };
                    let length =
                        head.lines().find_map(|line| line.strip_prefix("content-length: "));
                    let length = length.and_then(|n| n.parse().ok()).unwrap_or(0);
                    if read > 0 && body.len() < length {
                        continue;
                    }
                    let answer = channel.answer(head, body);
                    stream.write_all(answer.as_bytes()).await.ok();
                    break;
                }
            }
        });
        url
    }

    fn answer(&self, head: &str, body: &str) -> String {
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut messages = self.messages.lock().expect("no panic");
        let (status, body) = match (method, path.rsplit('/').next().unwrap_or_default()) {
            ("POST", _) => {
                let mut made = self.made.lock().expect("no panic");
                *made += 1;
                let json: serde_json::Value = serde_json::from_str(body).expect("JSON");
                messages.push((*made, json["content"].as_str().unwrap_or_default().to_owned()));
                (200, format!("{{\"id\":\"{made}\",\"channel_id\":\"77\"}}"))
            }
            ("DELETE", id) => {
                let before = messages.len();
                messages.retain(|(made, _)| made.to_string() != id);
                if messages.len() < before { (204, String::new()) } else { (404, "{}".to_owned()) }
            }
            _ => (200, "{\"id\":\"42\",\"type\":0,\"guild_id\":\"5\"}".to_owned()),
        };
        format!(
            "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    fn shown(&self) -> usize {
        self.messages.lock().expect("no panic").len()
    }

    fn made(&self) -> usize {
        *self.made.lock().expect("no panic")
    }
}

async fn house(channels: &[(&str, &Channel)]) -> Daemon {
    let mut text = "[guard]\nsettle = \"0s\"\nburst = 100\nshare = 1.0\ncrash_loop = 0\n\
         [[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\nevery = \"1s\"\n"
        .to_owned();
    for (room, (name, channel)) in (77..).zip(channels) {
        let url = channel.open().await;
        text += &format!(
            "[[integration]]\nname = {name:?}\nkind = \"discord\"\nurl = {url:?}\n\
             token = {{ env = \"BOT\" }}\npace = {{ every = \"0s\", burst = 1 }}\n\
             [[group]]\nname = {name:?}\nintegration = {name:?}\nroom = \"{room}\"\n"
        );
    }
    let mut daemon = Daemon::with(&text);
    daemon.set("BOT", "s3cret");
    publish(&daemon, &["Old"]);
    daemon.start().await;
    daemon.baseline("blog").await;
    daemon
}

/// A post with a name in it that should not be there stood for hours in twelve groups, since each had to be
/// found and deleted by hand; taken away, it must not come back with the next start or the next poll.
#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_taken_away_everywhere_with_a_daemon_and_without() {
    let (one, two) = (Channel::default(), Channel::default());
    let mut daemon = house(&[("one", &one), ("two", &two)]).await;
    publish(&daemon, &["New", "Old"]);
    until("both to hear", async || one.shown() == 1 && two.shown() == 1).await;
    let link = address("New");

    // Nothing is done unasked.
    let shown =
        said(&daemon, &["retract", &link, "--dry-run", "--json"]).await.ends(exit::OK).json();
    assert_eq!(shown["steps"].as_array().map(Vec::len), Some(2), "{shown}");
    said(&daemon, &["retract", &link]).await.ends(exit::USAGE).tells(&["--yes", "one", "two"]);
    said(&daemon, &["retract", &link, "--group", "three"]).await.ends(exit::REFUSED);
    assert_eq!((one.shown(), two.shown()), (1, 1), "it was only asked");

    // One group, through the daemon.
    let done = said(&daemon, &["retract", &link, "--group", "one", "--yes"]).await.ends(exit::OK);
    done.tells(&["it was taken away"]);
    assert_eq!((one.shown(), two.shown()), (0, 1));
    said(&daemon, &["retract", &link, "--group", "one", "--yes"])
        .await
        .ends(exit::REFUSED)
        .tells(&["it is not there any more"]);

    // The rest, without it.
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
    said(&daemon, &["retract", &link, "--yes"]).await.ends(exit::OK);
    assert_eq!((one.shown(), two.shown()), (0, 0));
    let told = said(&daemon, &["why", &link]).await.ends(exit::OK);
    told.tells(&["retract-claim", "DELETE /channels/77/messages/1", "retracted", "by uid"]);

    // Nothing brings it back.
    said(&daemon, &["replay", &link]).await.ends(exit::REFUSED).tells(&["not there any more"]);
    daemon.start().await;
    publish(&daemon, &["Newer", "New", "Old"]);
    until("the next post", async || one.made() == 2 && two.made() == 2).await;
    assert_eq!((one.shown(), two.shown()), (1, 1), "only the next one is there");
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
    said(&daemon, &["ledger", "verify"]).await.ends(exit::OK);
}

/// A platform that cannot do it must not be asked for ever, nor the wish be forgotten unseen.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_took_away_by_hand_is_recorded() {
    let one = Channel::default();
    let daemon = house(&[("one", &one)]).await;
    publish(&daemon, &["New", "Old"]);
    until("it to hear", async || one.shown() == 1).await;
    let link = address("New");
    said(&daemon, &["retract", &link, "--done", "--yes"])
        .await
        .ends(exit::OK)
        .tells(&["is recorded", "by hand"]);
    assert_eq!(one.shown(), 1, "nothing was called");
    said(&daemon, &["retract", &link, "--yes"]).await.ends(exit::REFUSED);
}
