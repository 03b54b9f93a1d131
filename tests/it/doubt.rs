//! What becomes of a post whose answer was lost: repeated where nobody can see it, else left to a person.

use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::until;

/// A blog in a file, a group behind a webhook, and how the group takes a repeat.
fn config(url: &str, dedupes: bool) -> String {
    format!(
        "[guard]\nsettle = \"0s\"\nburst = 100\nshare = 1.0\n\
         [[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\nevery = \"1s\"\n\
         [[integration]]\nname = \"hook\"\nkind = \"webhook\"\nurl = {url:?}\n\
         receiver_dedupes = {dedupes}\ndoubt_after = \"1s\"\n\
         pace = {{ every = \"0s\", burst = 1 }}\n\
         [[group]]\nname = \"readers\"\nintegration = \"hook\"\n"
    )
}

fn feed(daemon: &Daemon, titles: &[&str]) {
    let items: String = titles
        .iter()
        .map(|t| format!("<item><title>{t}</title><guid isPermaLink=\"false\">{t}</guid></item>"))
        .collect();
    let text = format!("<rss version=\"2.0\"><channel><title>b</title>{items}</channel></rss>");
    std::fs::write(daemon.path("feed.xml"), text).expect("written");
}

async fn told(url: &str, dedupes: bool) -> Daemon {
    let mut daemon = Daemon::with(&config(url, dedupes));
    feed(&daemon, &["Old"]);
    daemon.start().await;
    daemon.baseline("blog").await;
    feed(&daemon, &["New", "Old"]);
    daemon
}

/// A receiver that says it dedupes is sent the same bytes under the same id, and no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_the_same_to_the_byte() {
    let receiver = Receiver::scripted(|n| match n {
        1 => Manner::Drops,
        _ => Manner::Answers(204),
    })
    .await;
    let daemon = told(&receiver.url, true).await;
    until("the doubt to be settled", async || daemon.count("readers", "published").await == 1)
        .await;
    let received = receiver.received("webhook-id");
    assert_eq!(received.len(), 2);
    assert_eq!(received[0], received[1], "id and body");
    assert_eq!(received[0].0.len(), 64);
}

/// I2: after a lost answer, a repeat that is refused proves nothing about the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_that_is_refused_leaves_the_doubt() {
    let receiver = Receiver::scripted(|n| match n {
        1 => Manner::Drops,
        _ => Manner::Denies(422),
    })
    .await;
    let daemon = told(&receiver.url, true).await;
    until("the repeat", async || receiver.requests() >= 2).await;
    until("its settlement", async || daemon.count("readers", "claimed").await == 0).await;
    assert_eq!(daemon.count("readers", "in_doubt").await, 1, "{}", daemon.log());
    assert_eq!(daemon.count("readers", "refused").await, 0);
}

/// A receiver that does not dedupe is never sent a second request: a person looks.
#[tokio::test(flavor = "multi_thread")]
async fn a_blind_receiver_hears_it_once_and_a_person_decides() {
    let receiver = Receiver::open(Manner::Drops).await;
    let mut daemon = told(&receiver.url, false).await;
    until("the doubt", async || daemon.count("readers", "in_doubt").await == 1).await;
    // Several looks and a restart later it is still one request.
    let looks = async || {
        let status = daemon.status().await;
        status["waiting"][0]["looks"].as_u64().unwrap_or_default()
    };
    until("two looks", async || looks().await >= 2).await;
    daemon.kill().await;
    daemon.start().await;
    until("another look", async || daemon.count("readers", "in_doubt").await == 1).await;
    assert_eq!(receiver.requests(), 1);
    receiver.assert_once();
}
