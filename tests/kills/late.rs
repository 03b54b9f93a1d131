//! A group that shows a post after the daemon has given up on it.

use oncecast::desk::verb::Verb;

use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::{blog, until};
use super::world::{self, Group};

/// Sends one post to a group that takes its time, and comes back when the daemon has given up.
async fn given_up(receiver: &Receiver, more: &str) -> Daemon {
    let daemon = world::at_rest(1, "1h", &[Group { name: "readers", receiver, more }]).await;
    daemon.ask(world::by_hand(0)).await.expect("it takes a wish");
    daemon
}

async fn in_doubt(daemon: &Daemon) {
    until("the daemon to give up", async || daemon.count("readers", "in_doubt").await == 1).await;
}

async fn shown(receiver: &Receiver, times: u64) {
    let mut moments = receiver.moments();
    moments.wait_for(|m| m.shown >= times).await.expect("the group is there");
}

/// A slow server was sent the post again after each timeout, and showed it as often: where a repeat can
/// be seen there is none, and a person says what became of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_post_shown_late_stays_in_doubt_until_a_person_has_looked() {
    let receiver = Receiver::open(Manner::Asks).await;
    let mut daemon = given_up(&receiver, "doubt_after = \"1s\"\n").await;
    let asked = receiver.asked().await;
    in_doubt(&daemon).await;
    asked.decide(Manner::Answers(204));
    shown(&receiver, 1).await;
    // Looks into the doubt and a death change nothing.
    let looks = async || daemon.status().await["waiting"][0]["looks"].as_u64().unwrap_or_default();
    until("two looks", async || looks().await >= 2).await;
    daemon.kill().await;
    daemon.start().await;
    in_doubt(&daemon).await;
    assert_eq!(receiver.requests(), 1);
    let delivery = format!("{}/readers/2", blog::link(0));
    let verdict = Verb::Resolve { delivery, published: true, url: None, reason: None };
    daemon.ask(verdict).await.expect("a person is heard");
    assert_eq!(daemon.count("readers", "published").await, 1);
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
    world::audit(daemon.ledger(), "readers", &receiver, 1).await;
    assert_eq!(receiver.requests(), 1);
}

/// Where the group drops a repeat by its key, the repeat has that key, whichever of the two is first.
#[tokio::test(flavor = "multi_thread")]
async fn a_post_shown_late_is_repeated_under_its_own_key_and_shown_once() {
    for late_is_first in [true, false] {
        let receiver = Receiver::judging(true, |heard| match heard.times {
            1 => Manner::Asks,
            _ => Manner::Answers(204),
        })
        .await;
        let keyed = "receiver_dedupes = true\ndoubt_after = \"1s\"\n";
        let mut daemon = given_up(&receiver, keyed).await;
        let asked = receiver.asked().await;
        if late_is_first {
            in_doubt(&daemon).await;
            asked.decide(Manner::Answers(204));
            until("the repeat", async || daemon.count("readers", "published").await == 1).await;
        } else {
            until("the repeat", async || daemon.count("readers", "published").await == 1).await;
            asked.decide(Manner::Answers(204));
        }
        shown(&receiver, 2).await;
        let received = receiver.received("webhook-id");
        assert_eq!(received.len(), 2, "late is first: {late_is_first}");
        assert_eq!(received[0], received[1], "id and body");
        assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
        let books = world::audit(daemon.ledger(), "readers", &receiver, 1).await;
        assert_eq!((books.published, books.doubts()), (1, 0), "{books:?}");
    }
}
