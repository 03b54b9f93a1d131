//! SIGKILL at random, at the worst moments, and while it starts; each seed a world of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::support::blog::Blog;
use super::support::daemon::Daemon;
use super::support::receiver::{Heard, Manner, Receiver};
use super::support::until;
use super::world::{self, Books, Group};

/// How often daemons are killed in all, unless `ONCECAST_KILLS` says otherwise.
const KILLS: u64 = 300;
/// Kills in the world of one seed: its ledger stays small enough to be compared whole.
const KILLS_PER_SEED: u64 = 50;
/// Worlds at a time: more than cores, since they wait for their disks.
const AT_ONCE: usize = 3;
/// New posts at each look at the feed: enough to be in the middle of sending most of the time.
const PACE: u32 = 30;
/// The longest life between two kills.
const LIFE_MAX: Duration = Duration::from_millis(150);

/// Everything a platform was seen to do, as often as makes it matter; `fair` once the faults are over.
fn moody(random: &mut fastrand::Rng, heard: Heard) -> Manner {
    // What has been repeated twice is answered, so that a world comes to an end.
    if heard.times > 2 {
        return Manner::Answers(204);
    }
    match random.u8(0..100) {
        0..30 => Manner::Answers(200),
        30..54 => Manner::After(Duration::from_millis(random.u64(1..30))),
        54..60 => Manner::Drops,
        60..63 => Manner::Resets,
        63..66 => Manner::Garbles,
        66..69 => Manner::Ignores,
        69..72 => Manner::Answers(500),
        72..75 => Manner::Answers(502),
        75..78 => Manner::Answers(504),
        78..80 => Manner::Denies(503),
        80..84 => Manner::Points(307),
        84..89 => Manner::Sheds,
        89..94 => Manner::Denies(422),
        _ => Manner::Late(Duration::from_millis(random.u64(0..200))),
    }
}

async fn group(seed: u64, dedupes: bool, fair: &Arc<AtomicBool>, moods: bool) -> Receiver {
    let fair = Arc::clone(fair);
    let random = std::sync::Mutex::new(fastrand::Rng::with_seed(seed));
    Receiver::judging(dedupes, move |heard| match fair.load(Ordering::SeqCst) || !moods {
        true => Manner::Answers(204),
        false => moody(&mut random.lock().expect("free"), heard),
    })
    .await
}

/// Waits for the moment at which the daemon is to die: any, or right when one of its posts has
/// arrived, was shown or was answered.
async fn wait_for_the_moment(random: &mut fastrand::Rng, groups: &[&Receiver]) {
    let life = Duration::from_micros(random.u64(0..LIFE_MAX.as_micros() as u64));
    let mut moments = groups[random.usize(0..groups.len())].moments();
    let before = *moments.borrow_and_update();
    let wanted = random.u8(0..5);
    let reached = moments.wait_for(|now| match wanted {
        0 => now.heard > before.heard,
        1 => now.shown > before.shown,
        2 => now.answered > before.answered,
        _ => false,
    });
    // Whatever comes first: a group may have nothing to hear.
    tokio::time::timeout(life, reached).await.ok();
}

/// What one seed came to.
#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    requests: usize,
    books: Books,
}

async fn world(seed: u64, kills: u64) -> Tally {
    let mut random = fastrand::Rng::with_seed(seed);
    let fair = Arc::new(AtomicBool::new(false));
    let steady = group(random.u64(..), false, &fair, false).await;
    let blind = group(random.u64(..), false, &fair, true).await;
    let keyed = group(random.u64(..), true, &fair, true).await;
    let receivers = [&steady, &blind, &keyed];
    let blog = Blog::open(PACE).await;
    let mut daemon = Daemon::with(&world::config(
        &blog.url,
        "1s",
        &[
            Group { name: "steady", receiver: &steady, more: "" },
            Group { name: "blind", receiver: &blind, more: "" },
            Group {
                name: "keyed",
                receiver: &keyed,
                more: "receiver_dedupes = true\ndoubt_after = \"1s\"\n",
            },
        ],
    ));
    daemon.start().await;
    daemon.baseline("blog").await;
    for _ in 0..kills {
        if random.u8(0..5) == 0 {
            // It dies while it starts, or while it recovers from the death before.
            daemon.kill().await;
            daemon.spawn();
            tokio::time::sleep(Duration::from_micros(random.u64(0..40_000))).await;
        } else {
            wait_for_the_moment(&mut random, &receivers).await;
        }
        daemon.kill().await;
        daemon.start().await;
        world::resume(&daemon).await;
    }
    fair.store(true, Ordering::SeqCst);
    blog.pace(0);
    until("every post to be known and settled", async || {
        let status = daemon.status().await;
        if status["lanes"].as_array().is_some_and(|lanes| {
            lanes.iter().any(|l| !l["rests_until"].is_null() || !l["stopped"].is_null())
        }) {
            world::resume(&daemon).await;
        }
        status["ledger"]["entries"] == blog.posts()
            && world::open(&daemon, &["steady", "blind", "keyed"]).await == 0
            && daemon.count("keyed", "in_doubt").await == 0
    })
    .await;
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());

    let mut tally = Tally { kills, ..Tally::default() };
    for (name, receiver) in [("steady", &steady), ("blind", &blind), ("keyed", &keyed)] {
        let books = world::audit(daemon.ledger(), name, receiver, blog.posts()).await;
        let whole = u64::from(blog.posts());
        // The first post was there before the daemon was; nothing else is silent.
        assert_eq!(books.untouched, 1, "{name}: {books:?}");
        assert_eq!(books.published + books.refused + books.doubts() + 1, whole, "{books:?}");
        if name == "steady" {
            assert!(books.refused == 0 && books.doubts() <= kills, "{kills} kills: {books:?}");
        }
        if name == "keyed" {
            assert_eq!(books.doubts(), 0, "a repeat nobody can see settles every doubt");
        }
        tally.requests += receiver.requests();
        tally.books.add(books);
    }
    tally
}

fn number(name: &str, default: u64) -> u64 {
    let Ok(text) = std::env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}"))
}

/// What readers of other tools suffered in 18 or 19 of 20 kills: the post that was under way, again.
#[test]
fn whenever_it_is_killed_nobody_sees_a_post_twice_and_nothing_is_lost_unseen() {
    let kills = number("ONCECAST_KILLS", KILLS);
    let first = number("ONCECAST_SEED", 1);
    let mut sum = Tally::default();
    let run = async |seed: u64| {
        let share = KILLS_PER_SEED.min(kills - (seed - first) * KILLS_PER_SEED);
        world::tell(&format!(
            "seed {seed} begins; alone: ONCECAST_KILLS={share} ONCECAST_SEED={seed}"
        ));
        (seed, world(seed, share).await)
    };
    let seeds = first..first + kills.div_ceil(KILLS_PER_SEED);
    world::side_by_side(AT_ONCE, seeds, run, |(seed, tally): (u64, Tally)| {
        sum.kills += tally.kills;
        sum.requests += tally.requests;
        sum.books.add(tally.books);
        world::tell(&format!(
            "seed {seed} has ended: {} kills, {} requests, 0 shown twice; \
             {} of {kills} kills so far, {} requests, {:?}",
            tally.kills, tally.requests, sum.kills, sum.requests, sum.books
        ));
    });
    assert_eq!(sum.kills, kills);
    // The kills have met posts on their way, before and after readers saw them.
    assert!(sum.books.doubted_shown > 0 && sum.books.doubted_unshown > 0, "{sum:?}");
}
