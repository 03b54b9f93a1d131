//! `demo`: the real daemon, a real ledger, a small blog and three groups on loopback, and everything
//! that broke other tools. It ends well only if nobody saw anything twice.

mod blog;
mod receiver;
mod stage;

use std::io::IsTerminal as _;
use std::time::Duration;

use crate::cli;
use crate::clock::{Clock as _, Mark, SystemClock};
use crate::feed::fetch;
use crate::model::{Entry, FeedState};
use crate::wire::Wire;

use crate::desk::print;

use super::{Failure, Outcome, exit};
use blog::Blog;
use receiver::Manner;
use stage::Stage;

/// What the blog has said before oncecast came.
const OLD: [&str; 3] = ["beginnings", "gardens", "lanterns"];
/// What it says then.
const NEW: [&str; 3] = ["harbours", "clouds", "bridges"];
/// What it says while the daemon is killed.
const KILLED: [&str; 2] = ["thunder", "silence"];
/// How many posts come at once at the end.
const BURST: u32 = 30;
/// How slow the slow group is.
const SLOW: Duration = Duration::from_millis(1_500);

pub(super) async fn demo(what: cli::Demo) -> Outcome {
    let began = Mark::here();
    let failed = |e: std::io::Error| Failure::new(exit::FAILED, format!("the demo failed: {e}"));
    let posts = match &what.feed {
        Some(url) => own_posts(url).await?,
        None => Vec::new(),
    };
    let kept = what.keep || what.dir.is_some();
    let dir = match what.dir {
        Some(dir) => dir,
        None => std::env::temp_dir().join(format!("oncecast-demo-{}", std::process::id())),
    };
    std::fs::create_dir_all(&dir).map_err(failed)?;
    let blog = Blog::default();
    let mut script = Script { blog: blog.clone(), posts, number: 0 };
    for name in OLD {
        script.publish(name);
    }
    let feed = blog.serve().await.map_err(failed)?;
    let mut groups = Vec::new();
    for (name, manner) in
        [("steady", Manner::Steady), ("forgetful", Manner::Forgetful), ("slow", Manner::Slow(SLOW))]
    {
        let (url, seen) = receiver::open(manner).await.map_err(failed)?;
        groups.push((name, url, seen));
    }
    let mut stage = Stage::set(&dir, &feed, &groups).map_err(failed)?;
    say(&format!("ledger, config and log are in {}", dir.display()));
    say(
        "a blog with 3 old posts, and three groups: steady; forgetful, which shows a post and drops \
         the answer; slow",
    );
    let result = tokio::select! {
        result = play(&mut stage, &mut script, &groups, began) => result,
        _ = tokio::signal::ctrl_c() => Err(Failure::new(exit::STOPPED, "stopped before its end")),
    };
    stage.end().await;
    if !kept {
        std::fs::remove_dir_all(&dir).map_err(failed)?;
    }
    let passed = result?;
    Ok(if passed { exit::OK } else { exit::FAILED })
}

/// What is told, in order.
struct Script {
    blog: Blog,
    /// Posts of the feed that was given, oldest first; the blog's own where there are none left.
    posts: Vec<Entry>,
    number: u32,
}

impl Script {
    fn publish(&mut self, name: &str) {
        self.number += 1;
        let now = SystemClock.now();
        let own = Blog::post(self.number, name, now);
        let given = (!self.posts.is_empty()).then(|| self.posts.remove(0));
        // A real post keeps its words and its link; it is news today.
        let entry = given.map_or(own, |entry| Entry { published: Some(now), ..entry });
        self.blog.publish(entry);
    }
}

type Groups = [(&'static str, String, receiver::Seen)];

async fn play(
    stage: &mut Stage,
    script: &mut Script,
    groups: &Groups,
    began: Mark,
) -> Result<bool, Failure> {
    let (steady, slow) = (&groups[0].2, &groups[2].2);
    stage.start()?;
    stage
        .until("the daemon to take the old posts as its baseline", || script.blog.fetches() > 1)
        .await?;
    say("the daemon is up; the old posts are its baseline: nothing is sent");
    for name in NEW {
        script.publish(name);
    }
    say("three posts are published; each is seen twice, two seconds apart, before it is sent");
    stage.until("the first post to arrive", || steady.count() > 0).await?;
    say(&format!(
        "the first post has arrived, {:.1} s after the start",
        began.elapsed().as_secs_f32()
    ));
    stage.until("all three to arrive", || steady.count() == 3 && slow.count() == 3).await?;

    for name in KILLED {
        script.publish(name);
    }
    stage.until("the slow group to be told of a fourth", || slow.count() > 3).await?;
    stage.kill().await;
    say("killed with SIGKILL while the slow group had a post and had not answered");
    stage.start()?;
    let news = (NEW.len() + KILLED.len()) as u64;
    stage.quiet(&["steady", "slow"], news).await?;
    say("restarted: what was under way is in doubt, what was not sent is sent");

    script.blog.change_every_guid();
    stage.looks(&script.blog).await?;
    say("every guid has changed: nothing is sent");
    script.blog.move_to_https();
    stage.looks(&script.blog).await?;
    say("http has become https in every guid and link: nothing is sent");
    for n in 0..BURST {
        script.publish(&format!("the flood, part {}", spelled(n)));
    }
    stage.looks(&script.blog).await?;
    say(&format!("{BURST} posts at once: they are held for a person, and nothing is sent"));

    let counts = stage.counts().await?;
    let mut twice = 0;
    print::out("\n group      seen once  seen twice  in doubt  rests  held\n");
    for (name, _, seen) in groups {
        let (once, more) = seen.once_and_more();
        twice += more;
        let of = |kind| stage::count(&counts, name, kind);
        print::out(&format!(
            " {name:<9}  {once:>9}  {more:>10}  {:>8}  {:>5}  {:>4}\n",
            of("in_doubt"),
            of("due"),
            of("held")
        ));
    }
    // What was claimed at the kill may not have left: then it is in doubt, and not sent on a guess.
    let missing = groups.iter().filter(|(name, _, seen)| {
        let doubts = stage::count(&counts, name, "in_doubt");
        *name != "forgetful" && seen.count() as u64 + doubts < news
    });
    let missing = missing.count();
    let verdict = if twice > 0 {
        "somebody saw a post twice: the promise is broken"
    } else if missing > 0 {
        "nobody saw anything twice, and a group has not seen every post"
    } else {
        "nobody saw anything twice. What is in doubt waits for a person (oncecast resolve); a group \
         that loses answers is given rests"
    };
    print::out(&format!("\n{verdict}\n"));
    Ok(twice == 0 && missing == 0)
}

/// Numbers as letters, since posts that differ in digits alone are parts of a series.
fn spelled(n: u32) -> String {
    let letter = |n: u32| char::from(b'a' + u8::try_from(n % 26).unwrap_or(0));
    format!("{}{}", letter(n / 26), letter(n))
}

/// The newest posts of a feed that was given, oldest first.
async fn own_posts(source: &str) -> Result<Vec<Entry>, Failure> {
    let place = super::try_feed::source_of(source)?;
    let wire = Wire::open().map_err(|e| Failure::new(exit::UNAVAILABLE, e.to_string()))?;
    let now = SystemClock.now();
    let fetched = fetch::fetch(wire.as_ref(), &place, &FeedState::default(), now)
        .await
        .map_err(|e| Failure::new(exit::NO_INPUT, format!("failed to read {source}: {e}")))?;
    let document = super::try_feed::read(fetched)
        .await
        .map_err(|e| Failure::new(exit::DATA, format!("failed to read {source}: {e}")))?;
    Ok(document.entries)
}

/// One step of the story: a line, and on a terminal with the time it took.
fn say(words: &str) {
    if std::io::stderr().is_terminal() {
        print::progress("");
    }
    print::out(&format!("- {words}\n"));
}
