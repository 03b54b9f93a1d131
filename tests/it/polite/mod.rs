//! What a blog's server sees of us: a scripted one on a real socket writes down every request of the
//! real poller, wire and ledger, on a clock that only the test moves.

mod hostile;
mod server;

use std::sync::{Arc, mpsc};
use std::time::Duration;

use oncecast::clock::{Clock as _, TokioClock};
use oncecast::config::{Feed, FeedSource};
use oncecast::flow::poll::Poller;
use oncecast::flow::{Bell, Manners, Parts, Pulse};
use oncecast::ledger::embedded::Embedded;
use oncecast::ledger::{Intake, Ledger as _, Policy, Setup, Sight};
use oncecast::model::{FeedState, Standing, Time, Why};
use oncecast::wire::Wire;

use server::{Answer, Server};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const EVERY: Duration = Duration::from_secs(900);
const START: Time = Time::from_millis(1_767_323_045_000);

/// A house that polls a server, without anybody to tell.
struct House {
    folder: tempfile::TempDir,
    clock: Arc<TokioClock>,
    server: Server,
    parts: Parts,
    manners: Arc<Manners>,
    /// While somebody could speak through this, the clock moves only when the test moves it.
    _still: mpsc::Sender<()>,
}

impl House {
    async fn open() -> Self {
        let (still, until) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || until.recv());
        let folder = tempfile::tempdir().expect("a folder");
        let clock = TokioClock::starting_at(START);
        let server = Server::open().await;
        let parts = parts(&folder, &clock).await;
        Self { folder, clock, server, parts, manners: Arc::default(), _still: still }
    }

    /// Ends the process and starts it again.
    async fn restart(&mut self) {
        self.parts.ledger.close().await.expect("closed");
        self.parts = parts(&self.folder, &self.clock).await;
        self.manners = Arc::default();
    }

    fn poller(&self, name: &str, url: &str) -> Poller {
        let source = FeedSource::Http(url.parse().expect("a url"));
        let feed = Feed { name: name.into(), source, every: EVERY, every_max: 3 * HOUR };
        Poller::among(feed, self.parts.clone(), Arc::clone(&self.manners))
    }

    /// The one feed of most tests.
    fn feed(&self) -> Poller {
        self.poller("blog", &self.server.url("/feed"))
    }

    /// One turn of a feed's loop; comes back with how long it waits then.
    async fn turn(&self, poller: &Poller) -> Duration {
        poller.turn().await.expect("the ledger works")
    }

    /// One turn after so much time.
    async fn after(&self, span: Duration, poller: &Poller) -> Duration {
        tokio::time::advance(span).await;
        self.turn(poller).await
    }

    async fn state(&self, name: &str) -> FeedState {
        let (state, _) = self.parts.ledger.feed(name).await.expect("readable");
        state.expect("it was polled")
    }

    fn now(&self) -> Time {
        self.clock.now()
    }

    fn requests(&self) -> usize {
        self.server.asked().len()
    }
}

async fn parts(folder: &tempfile::TempDir, clock: &Arc<TokioClock>) -> Parts {
    let path = folder.path().join("ledger.redb");
    let ledger = Embedded::open(&path, clock.clone()).await.expect("opens");
    let policy = Policy { settle: Duration::ZERO, share: 1.0, ..Policy::default() };
    ledger.configure(Setup { policy, ..Setup::default() }).await.expect("configured");
    let wire = Wire::open_as(Some("https://me.example/about")).expect("a network");
    let (bell, pulse) = (Bell::default(), Arc::new(Pulse::default()));
    Parts { ledger, wire, clock: clock.clone(), bell, pulse }
}

fn rss(titles: &[&str]) -> Vec<u8> {
    let items: String = titles
        .iter()
        .map(|t| format!("<item><title>{t}</title><link>http://blog.example/{t}</link></item>"))
        .collect();
    format!("<rss version=\"2.0\"><channel><title>b</title>{items}</channel></rss>").into_bytes()
}

/// A server that is asked for everything each time, or with a date that it never gave, shuts the door.
#[tokio::test(start_paused = true)]
async fn validators_are_echoed_as_they_came_and_nothing_else_is_told() {
    let house = House::open().await;
    let feed = house.feed();
    let odd = [("etag", "W/\"a, b"), ("last-modified", "Thu, 01 Jan 2026 00:00:00 +0000")];
    let mut headers = odd.to_vec();
    headers.push(("set-cookie", "id=1"));
    house.server.says("/feed", Answer::new(200, &headers, rss(&["one"])));
    house.turn(&feed).await;
    let first = house.server.last();
    assert_eq!(first.header("if-none-match").or(first.header("if-modified-since")), None);
    house.server.says("/feed", Answer::new(304, &[("etag", "\"second\"")], ""));
    house.after(2 * EVERY, &feed).await;
    let second = house.server.last();
    assert_eq!(second.header("if-none-match"), Some("W/\"a, b"));
    assert_eq!(second.header("if-modified-since"), Some(odd[1].1));
    house.after(2 * EVERY, &feed).await;
    let third = house.server.last();
    assert_eq!(third.header("if-none-match"), Some("\"second\""), "a 304 renews them");
    // The same bytes renew them as well.
    house.server.says("/feed", Answer::new(200, &[("etag", "\"third\"")], rss(&["one"])));
    house.after(2 * EVERY, &feed).await;
    house.after(2 * EVERY, &feed).await;
    assert_eq!(house.server.last().header("if-none-match"), Some("\"third\""));
    assert_eq!(house.server.last().header("if-modified-since"), None);
    for asked in house.server.asked() {
        assert_eq!(asked.header("accept-encoding"), Some("gzip, br, zstd"));
        let agent = asked.header("user-agent").expect("a name");
        assert!(agent.starts_with("oncecast/") && agent.ends_with(" (+https://me.example/about)"));
        assert_eq!((asked.header("cookie"), asked.header("referer")), (None, None));
        assert_eq!(asked.path, "/feed");
    }
    assert_eq!(house.requests(), 5);
}

/// One blog in trouble asked for rest, and its host was asked on for all the others.
#[tokio::test(start_paused = true)]
async fn what_a_host_asks_of_one_feed_holds_for_all_on_it_and_over_a_restart() {
    for (status, seconds) in [(429, "7200"), (503, "7200")] {
        let mut house = House::open().await;
        house.server.says("/feed", Answer::new(status, &[("retry-after", seconds)], ""));
        house.server.says("/other", Answer::new(200, &[], rss(&["one"])));
        assert!(house.turn(&house.feed()).await >= EVERY);
        let state = house.state("blog").await;
        assert_eq!(
            (state.standing(house.clock.now()), state.why_next),
            (Standing::Throttled, Why::Told)
        );
        let other = house.poller("other", &house.server.url("/other"));
        house.turn(&other).await;
        assert_eq!(house.requests(), 1, "{status}: its neighbour was asked");
        house.restart().await;
        let other = house.poller("other", &house.server.url("/other"));
        house.manners.remembered(house.parts.ledger.as_ref()).await.expect("readable");
        house.after(HOUR, &other).await;
        house.after(HOUR - MINUTE, &other).await;
        assert_eq!(house.requests(), 1, "{status}: a restart forgot it");
        house.after(10 * MINUTE, &other).await;
        assert_eq!(house.requests(), 2);
        house.parts.ledger.close().await.expect("closed");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_fresh_is_not_asked_for_again_and_a_restart_changes_nothing() {
    let mut house = House::open().await;
    let fresh = [("cache-control", "max-age=5400"), ("age", "600")];
    house.server.says("/feed", Answer::new(200, &fresh, rss(&["one"])));
    house.turn(&house.feed()).await;
    assert_eq!(house.state("blog").await.why_next, Why::Fresh);
    for minutes in [20, 20, 20, 19] {
        house.restart().await;
        let feed = house.feed();
        house.after(MINUTE * minutes, &feed).await;
        assert_eq!(house.requests(), 1, "it was asked too soon");
    }
    house.after(10 * MINUTE, &house.feed()).await;
    assert_eq!(house.requests(), 2);
    house.parts.ledger.close().await.expect("closed");
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_is_gone_is_left_alone_until_a_person_asks() {
    let house = House::open().await;
    let feed = house.feed();
    house.server.says("/feed", Answer::new(410, &[], ""));
    house.turn(&feed).await;
    for _ in 0..40 {
        house.after(HOUR, &feed).await;
    }
    assert_eq!(house.requests(), 2, "once to hear it, once to believe it");
    assert_eq!(house.state("blog").await.standing(house.clock.now()), Standing::Gone);
    house.server.says("/feed", Answer::new(200, &[], rss(&["one"])));
    let state = house.state("blog").await.woken();
    let intake = Intake { feed: "blog".into(), sight: Sight::Nothing, state };
    house.parts.ledger.admit(intake).await.expect("written");
    house.turn(&feed).await;
    assert_eq!(house.requests(), 3);
    assert_eq!(house.state("blog").await.standing(house.clock.now()), Standing::Active);
}

#[tokio::test(start_paused = true)]
async fn a_move_for_good_is_followed_at_once_and_believed_after_two_days() {
    let house = House::open().await;
    let feed = house.feed();
    house.server.says("/feed", Answer::new(200, &[], rss(&["one", "two"])));
    house.turn(&feed).await;
    let moved = [("location", "/new"), ("etag", "\"of the redirect\"")];
    house.server.says("/feed", Answer::new(301, &moved, ""));
    house.server.says("/new", Answer::new(200, &[("etag", "\"new\"")], rss(&["two", "three"])));
    house.after(2 * EVERY, &feed).await;
    let paths = |from: usize| -> Vec<String> {
        house.server.asked()[from..].iter().map(|asked| asked.path.clone()).collect()
    };
    assert_eq!(paths(1), ["/feed", "/new"]);
    assert_eq!(house.state("blog").await.standing(house.clock.now()), Standing::Moving);
    house.after(DAY, &feed).await;
    house.after(DAY, &feed).await;
    assert_eq!(paths(3), ["/feed", "/new", "/feed", "/new"], "it is not yet believed");
    let before = house.requests();
    house.after(2 * EVERY, &feed).await;
    assert_eq!(paths(before), ["/new"]);
    // Where it cannot be had there, it is asked for where the operator wrote.
    house.server.says("/new", Answer::new(500, &[], ""));
    house.server.says("/feed", Answer::new(200, &[], rss(&["three"])));
    for _ in 0..4 {
        house.after(DAY, &feed).await;
    }
    assert_eq!(house.server.last().path, "/feed");
}

/// Ten feeds of one small host, asked at once, take it down.
#[tokio::test(start_paused = true)]
async fn a_host_is_asked_one_thing_at_a_time() {
    let house = House::open().await;
    let late = Some(Duration::from_secs(5));
    house.server.says("/feed", Answer { late, ..Answer::new(200, &[], rss(&["one"])) });
    let pollers: Vec<Poller> =
        (0..6).map(|n| house.poller(&format!("f{n}"), &house.server.url("/feed"))).collect();
    let all = async {
        let turns: Vec<_> = pollers.iter().map(|poller| house.turn(poller)).collect();
        let mut turns = turns.into_iter().map(Box::pin).collect::<Vec<_>>();
        std::future::poll_fn(|context| {
            use std::future::Future as _;
            turns.retain_mut(|turn| turn.as_mut().poll(context).is_pending());
            if turns.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    };
    tokio::pin!(all);
    for _ in 0..10_000 {
        tokio::select! {
            () = &mut all => break,
            () = tokio::time::advance(Duration::from_millis(50)) => {}
        }
        tokio::task::yield_now().await;
    }
    assert_eq!((house.requests(), house.server.most()), (6, 1));
}
