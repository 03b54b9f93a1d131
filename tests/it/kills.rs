//! SIGKILL at random moments, against groups that count what their readers see. `tests/kills` goes on
//! where this stops: more manners of failing, every system call, bad disks, stopped processes.

use std::time::Duration;

use super::support::blog::Blog;
use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::until;

/// How often the daemon is killed.
const KILLS: u32 = 40;
/// Posts at each look at the feed: enough to be in the middle of sending all the time.
const PACE: u32 = 20;

/// What readers of other tools suffered in 18 or 19 of 20 kills: the post that was under way, again.
#[tokio::test(flavor = "multi_thread")]
async fn forty_kills_and_nobody_sees_a_post_twice() {
    let blog = Blog::open(PACE).await;
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
        "[guard]\nsettle = \"0s\"\nburst = 10000\nshare = 1.0\ncrash_loop = 0\n\
         [[feed]]\nname = \"blog\"\nurl = {:?}\nevery = \"1s\"\n\
         [[integration]]\nname = \"steady\"\nkind = \"webhook\"\nurl = {:?}\n{open}\
         [[integration]]\nname = \"moody\"\nkind = \"webhook\"\nurl = {:?}\n{open}\
         [[group]]\nname = \"steady\"\nintegration = \"steady\"\n\
         [[group]]\nname = \"moody\"\nintegration = \"moody\"\n",
        blog.url, steady.url, moody.url
    ));
    daemon.start().await;
    daemon.baseline("blog").await;
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(random.u64(0..40))).await;
        daemon.kill().await;
        daemon.start().await;
        // Rests that its own breaker took stand in the ledger; a person lets the lanes go on.
        daemon.ask(oncecast::desk::verb::Verb::Resume { lane: None }).await;
    }
    blog.pace(0);
    // The first was there before the daemon was.
    let whole = blog.posts() - 1;
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
