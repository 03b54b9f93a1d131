//! Our own posts in a feed: what we have told is not told again because it stands where we have told it.

use oncecast::desk::exit;

use super::binary::{lane, said};
use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::until;

fn shows(daemon: &Daemon, file: &str, posts: &[(&str, &str)]) {
    let item = |(title, link): &(&str, &str)| {
        format!("<item><title>{title}</title><link>{link}</link><guid>{link}</guid></item>")
    };
    let items: String = posts.iter().map(item).collect();
    let text = format!("<rss version=\"2.0\"><channel><title>b</title>{items}</channel></rss>");
    std::fs::write(daemon.path("feed.new"), text).expect("written");
    std::fs::rename(daemon.path("feed.new"), daemon.path(file)).expect("renamed");
}

/// Followers of another tool's users heard a post every second: two of them fed each other
/// (simonfrey/mastodon_wordpress_autopost#33).
#[tokio::test(flavor = "multi_thread")]
async fn what_we_have_posted_does_not_come_back_as_news() {
    // It shows the post, and the answer is lost: a person says where it is.
    let readers = Receiver::open(Manner::Drops).await;
    let config = format!(
        "[guard]\nsettle = \"0s\"\nburst = 100\nshare = 1.0\n\
         [[feed]]\nname = \"blog\"\nurl = \"blog.xml\"\nevery = \"1s\"\n\
         [[feed]]\nname = \"account\"\nurl = \"account.xml\"\nevery = \"1s\"\n{}",
        lane("readers", &readers.url, "pace = { every = \"0s\", burst = 1 }\n")
    );
    let mut daemon = Daemon::with(&config);
    let old = ("Old", "http://blog.example/old");
    shows(&daemon, "blog.xml", &[old]);
    shows(&daemon, "account.xml", &[("Hello", "https://fedi.example/@me/1")]);
    daemon.start().await;
    daemon.baseline("blog").await;
    daemon.baseline("account").await;
    let new = ("A walk", "http://blog.example/walk");
    shows(&daemon, "blog.xml", &[new, old]);
    until("the post", async || daemon.count("readers", "in_doubt").await == 1).await;
    let there = "https://fedi.example/@me/2";
    let delivery = format!("{}/readers", new.1);
    said(&daemon, &["resolve", &delivery, "--published", there]).await.ends(exit::OK);
    // The account's own feed shows it, one that was written there by hand, and one of somebody else.
    shows(
        &daemon,
        "account.xml",
        &[
            ("Boosted", "https://fedi.example/@you/9"),
            ("By hand", "https://fedi.example/@me/3"),
            ("A walk http://blog.example/walk", "https://fedi.example/@me/2"),
            ("Hello", "https://fedi.example/@me/1"),
        ],
    );
    until("the account's feed", async || daemon.count("readers", "held").await == 2).await;
    until("the other post", async || daemon.count("readers", "in_doubt").await == 1).await;
    let status = said(&daemon, &["status"]).await.ends(exit::OK);
    status.tells(&["it is our own", "it is that post", "it stands under the same account"]);
    let told: Vec<String> = readers.heard().into_keys().collect();
    assert_eq!(told, ["A walk", "Boosted"]);
    // A person may want it all the same.
    said(&daemon, &["release", "https://fedi.example/@me/3"]).await.ends(exit::OK);
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
}
