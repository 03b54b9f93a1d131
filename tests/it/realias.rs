//! A blog that has moved and gave every post another link and guid: one word of a person says that they
//! are the old ones, and no reader hears of them again.

use oncecast::desk::exit;
use oncecast::desk::verb::Verb;

use super::binary::{house, said};
use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::until;

const OLD: [&str; 6] = [
    "The harbour at night",
    "Walking to the lighthouse",
    "What bees do in winter",
    "A letter from the island",
    "How to mend a fence",
    "Why I keep bees at all",
];

/// The blog as it is built now: what it calls its posts, and its posts, newest first.
fn shows(daemon: &Daemon, name: impl Fn(usize) -> String, titles: &[&str]) {
    let item = |(n, title): (usize, &&str)| {
        let name = name(titles.len() - n);
        // One has a text to be known by; the others are alike in nothing but their titles.
        let text = if *title == OLD[0] {
            "Boats come and go, and lamps. ".repeat(12)
        } else {
            String::new()
        };
        format!(
            "<item><title>{title}</title><link>{name}</link><guid>{name}</guid>\
             <description>{text}</description></item>"
        )
    };
    let items: String = titles.iter().enumerate().map(item).collect();
    let text = format!("<rss version=\"2.0\"><channel><title>b</title>{items}</channel></rss>");
    std::fs::write(daemon.path("feed.new"), text).expect("written");
    std::fs::rename(daemon.path("feed.new"), daemon.path("feed.xml")).expect("renamed");
}

fn before(n: usize) -> String {
    format!("http://blog.example/?p={}", 40 + n)
}

fn after(n: usize) -> String {
    let slugs =
        ["", "fence-and-post", "isle", "bees-a", "bees-b", "light", "night", "news", "more"];
    format!("https://blog.example/posts/{}/", slugs[n])
}

/// Readers of another tool were told of 230 old posts when a blog moved (LeaVerou/blog#18).
async fn moved(is_up: bool) {
    let readers = Receiver::open(Manner::Answers(204)).await;
    let config = house(&[("readers", &readers.url)], "").replace("burst = 100", "burst = 3");
    let mut daemon = Daemon::with(&config);
    shows(&daemon, before, &OLD);
    daemon.start().await;
    daemon.baseline("blog").await;
    let with_news: Vec<&str> = ["A first look at the new site"].into_iter().chain(OLD).collect();
    shows(&daemon, after, &with_news);
    until("all of it to be held", async || daemon.count("readers", "held").await == 7).await;
    if !is_up {
        assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
    }
    let dry = said(&daemon, &["realias", "blog", "--dry-run"]).await.ends(exit::OK);
    dry.tells(&[
        OLD[0],
        "posts/night",
        "?p=46",
        "by    title",
        "6 held entries look like known ones",
        "1 do not",
    ]);
    let unasked = said(&daemon, &["realias", "blog"]).await;
    unasked.ends(exit::USAGE).tells(&["nothing was changed", "--yes"]);
    said(&daemon, &["realias", "log", "--yes"]).await.ends(exit::NO_INPUT).tells(&["blog"]);
    let json = said(&daemon, &["realias", "blog", "--dry-run", "--json"]).await.json();
    assert_eq!(json["pairs"].as_array().map(Vec::len), Some(6), "{json}");
    assert_eq!(json["left"][0]["title"], with_news[0], "{json}");
    let new_id = json["pairs"][0]["new"]["id"].as_str().expect("an id").to_owned();
    let done = said(&daemon, &["realias", "blog", "--yes"]).await.ends(exit::OK);
    done.tells(&["6 entries are known by their new names"]);
    let again = said(&daemon, &["realias", "blog", "--yes"]).await.ends(exit::REFUSED);
    again.tells(&["nothing of feed \"blog\" is held that looks like a known entry"]);
    // By its new link it is the old entry; under the id that it had meanwhile it cannot be sent.
    let why = said(&daemon, &["why", &after(6)]).await.ends(exit::OK);
    why.tells(&["readers", "baseline", "realias", "as a person says"]);
    let replay = said(&daemon, &["replay", &new_id]).await.ends(exit::REFUSED);
    replay.tells(&["under another name", "oncecast replay"]);
    if !is_up {
        daemon.start().await;
    }
    assert_eq!(daemon.count("readers", "held").await, 1);
    said(&daemon, &["release", "--all"]).await.ends(exit::OK);
    let newer: Vec<&str> = ["A second post"].into_iter().chain(with_news.iter().copied()).collect();
    shows(&daemon, after, &newer);
    until("the news", async || daemon.count("readers", "published").await == 2).await;
    // Old names and new ones, in any order, are known from now on.
    shows(&daemon, before, &OLD);
    said(&daemon, &["poll", "blog"]).await.ends(exit::OK);
    shows(&daemon, after, &newer);
    said(&daemon, &["poll", "blog"]).await.ends(exit::OK);
    until("another look", async || {
        daemon.status().await["feeds"][0]["last_outcome"] == "the same bytes"
    })
    .await;
    let told: Vec<String> = readers.seen().into_keys().collect();
    assert_eq!(told, ["A first look at the new site", "A second post"]);
    readers.assert_once();
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
    said(&daemon, &["ledger", "verify"]).await.ends(exit::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blog_that_moved_is_told_of_in_one_word_while_the_daemon_runs() {
    moved(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blog_that_moved_is_told_of_in_one_word_while_no_daemon_runs() {
    moved(false).await;
}

/// Whoever says yes to what was shown has said nothing of what came since.
#[tokio::test(flavor = "multi_thread")]
async fn a_yes_holds_for_what_was_shown_alone() {
    let readers = Receiver::open(Manner::Answers(204)).await;
    let config = house(&[("readers", &readers.url)], "").replace("burst = 100", "burst = 3");
    let mut daemon = Daemon::with(&config);
    shows(&daemon, before, &OLD);
    daemon.start().await;
    daemon.baseline("blog").await;
    shows(&daemon, after, &OLD[1..]);
    until("it to be held", async || daemon.count("readers", "held").await == 5).await;
    let json = said(&daemon, &["realias", "blog", "--dry-run", "--json"]).await.json();
    let token = json["token"].as_str().expect("a token").to_owned();
    shows(&daemon, after, &OLD);
    until("more to be held", async || daemon.count("readers", "held").await == 6).await;
    let confirmed = |token| Verb::Realias { feed: "blog".to_owned(), confirmed: Some(token) };
    assert!(daemon.ask(confirmed(token)).await.is_none(), "it is refused");
    assert_eq!(daemon.count("readers", "held").await, 6, "and changes nothing");
    let json = said(&daemon, &["realias", "blog", "--dry-run", "--json"]).await.json();
    let token = json["token"].as_str().expect("a token").to_owned();
    assert!(daemon.ask(confirmed(token)).await.is_some());
    assert_eq!(daemon.count("readers", "withdrawn").await, 6);
    assert_eq!(readers.requests(), 0);
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
}
