//! SIGKILL at random moments, against groups that count what their readers see.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;

use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::until;

/// How often the daemon is killed.
const KILLS: u32 = 100;
/// Posts of the blog: enough to be in the middle of sending all the time.
const POSTS: u32 = 300;

/// A feed that shows ever more posts.
async fn feed() -> (String, Arc<std::sync::atomic::AtomicU32>) {
    let shown = Arc::new(std::sync::atomic::AtomicU32::new(1));
    let counter = Arc::clone(&shown);
    let page = move || {
        let shown = counter.load(std::sync::atomic::Ordering::SeqCst);
        async move {
            let items: String = (0..shown)
                .rev()
                .map(|n| {
                    format!(
                        "<item><title>About {}</title><link>http://blog.example/{n}</link>\
                         <guid isPermaLink=\"false\">post-{n}</guid></item>",
                        spelled(n)
                    )
                })
                .collect();
            format!("<rss version=\"2.0\"><channel><title>b</title>{items}</channel></rss>")
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/feed", listener.local_addr().expect("an address"));
    let app = Router::new().route("/feed", get(page));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, shown)
}

/// A number as letters, so that posts do not look like parts of a series.
fn spelled(n: u32) -> String {
    [n / 676, n / 26, n].map(|d| char::from(b'a' + (d % 26) as u8)).iter().collect()
}

/// What readers of other tools suffered in 18 or 19 of 20 kills: the post that was under way, again.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_kills_and_nobody_sees_a_post_twice() {
    let (url, shown) = feed().await;
    let steady = Receiver::open(Manner::Answers(204)).await;
    // Every third post is shown and its answer lost; the others take a moment, so that kills meet them.
    let moody = Receiver::scripted(|n| match n % 3 {
        0 => Manner::Drops,
        _ => Manner::After(Duration::from_millis(5)),
    })
    .await;
    let open = "pace = { every = \"0s\", burst = 1 }\n\
                caps = { per_10m = 5000, per_hour = 5000, per_day = 5000 }\n";
    let mut daemon = Daemon::with(&format!(
        "[guard]\nsettle = \"0s\"\nburst = 10000\nshare = 1.0\n\
         [[feed]]\nname = \"blog\"\nurl = {url:?}\nevery = \"1s\"\n\
         [[integration]]\nname = \"steady\"\nkind = \"webhook\"\nurl = {:?}\n{open}\
         [[integration]]\nname = \"moody\"\nkind = \"webhook\"\nurl = {:?}\n{open}\
         [[group]]\nname = \"steady\"\nintegration = \"steady\"\n\
         [[group]]\nname = \"moody\"\nintegration = \"moody\"\n",
        steady.url, moody.url
    ));
    daemon.start().await;
    daemon.baseline("blog").await;
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..KILLS {
        let more = shown.load(std::sync::atomic::Ordering::SeqCst) + POSTS / KILLS;
        shown.store(more, std::sync::atomic::Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(random.u64(0..40))).await;
        daemon.kill().await;
        daemon.start().await;
        // Rests that its own breaker took stand in the ledger; a person lets the lanes go on.
        daemon.ask(oncecast::desk::verb::Verb::Resume { lane: None }).await;
    }
    let whole = shown.load(std::sync::atomic::Ordering::SeqCst) - 1;
    until("the rest to be sent", async || {
        daemon.ask(oncecast::desk::verb::Verb::Resume { lane: None }).await;
        let mut open = 0;
        for group in ["steady", "moody"] {
            open += daemon.count(group, "due").await + daemon.count(group, "claimed").await;
        }
        let published = daemon.count("steady", "published").await;
        open == 0 && published + daemon.count("steady", "in_doubt").await == u64::from(whole)
    })
    .await;
    steady.assert_once();
    moody.assert_once();
    // Whatever readers have not seen is visible: in doubt, for a person to look.
    let unseen = u64::from(whole) - steady.seen().len() as u64;
    let doubts = daemon.count("steady", "in_doubt").await;
    assert!(unseen <= doubts, "{unseen} posts were not shown, and {doubts} are in doubt");
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
}
