//! Servers that mean harm, or are broken as if they did: each ends within its bound, costs one feed one
//! poll, and forgets nothing.

use std::io::Write as _;
use std::time::Duration;

use oncecast::config::FeedSource;
use oncecast::feed::fetch;
use oncecast::model::{Fault, FeedState, Why};

use super::server::{Answer, Server};
use super::{EVERY, House, rss};

/// A known feed whose server then answers so; what is remembered after the next poll.
async fn then(house: &House, answer: Answer) -> FeedState {
    let feed = house.feed();
    house.server.says("/feed", Answer::new(200, &[("etag", "\"good\"")], rss(&["one"])));
    house.turn(&feed).await;
    house.server.says("/feed", answer);
    tokio::time::advance(2 * EVERY).await;
    house.turn(&feed).await;
    house.state("blog").await
}

/// How long a server that answers so is waited for, and what is said of it.
async fn patience(answer: Answer) -> (Duration, String) {
    let house = House::open().await;
    house.server.says("/feed", answer);
    let source = FeedSource::Http(house.server.url("/feed").parse().expect("a url"));
    let (state, began) = (FeedState::default(), house.now());
    let asked = fetch::ask(house.parts.wire.as_ref(), &source, &state, began);
    tokio::pin!(asked);
    loop {
        tokio::select! {
            biased;
            answer = &mut asked => {
                let error = answer.map(|_| ()).expect_err("it never ends");
                return (house.now().since(began), error.to_string());
            }
            () = tokio::time::advance(Duration::from_millis(100)) => {}
        }
        tokio::task::yield_now().await;
    }
}

/// Nothing but the failure has changed.
fn is_kept(state: &FeedState, fault: Fault) {
    assert_eq!(state.fault, Some(fault), "{state:?}");
    assert_eq!((state.etag.as_deref(), state.entries), (Some("\"good\""), 1), "{state:?}");
    assert!(state.last_error.is_some());
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("written");
    encoder.finish().expect("finished")
}

/// A byte every ten seconds would hold a place for ever.
#[tokio::test(start_paused = true)]
async fn who_drips_or_says_nothing_is_left_after_a_while() {
    let drips = |seconds| Some(Duration::from_secs(seconds));
    let page = || Answer::new(200, &[], "");
    for (answer, seconds) in [
        (Answer { drips: drips(10), ..page() }, 60),
        (Answer { drips: drips(86_400), ..page() }, 15),
        (Answer { late: drips(86_400), ..page() }, 30),
    ] {
        let (took, error) = patience(answer).await;
        let wanted = Duration::from_secs(seconds);
        assert!(took >= wanted && took < wanted * 6 / 5, "{took:?}, not {wanted:?}: {error}");
        assert!(error.contains(&format!("within {seconds} s")), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_without_end_and_one_that_unpacks_without_end_are_left() {
    for (headers, body, endless) in [
        (&[][..], b"<rss/>".repeat(1 << 14), true),
        (&[("content-encoding", "gzip")][..], gzip(&vec![b' '; 64 << 20]), false),
        (&[("content-encoding", "gzip")][..], gzip(&gzip(&vec![b' '; 64 << 20])), false),
    ] {
        let house = House::open().await;
        let state = then(&house, Answer { endless, ..Answer::new(200, headers, body) }).await;
        let fault = state.fault;
        assert!(matches!(fault, Some(Fault::Refused | Fault::Content)), "{state:?}");
        assert_eq!((state.etag.as_deref(), state.entries), (Some("\"good\""), 1));
    }
}

/// A page of a hotel's network where the feed should be.
#[tokio::test(start_paused = true)]
async fn a_captive_page_changes_nothing() {
    let house = House::open().await;
    let page = "<!doctype html><title>Log in</title><p>Welcome to our network";
    let headers = [("etag", "\"page\""), ("content-type", "text/html")];
    is_kept(&then(&house, Answer::new(200, &headers, page)).await, Fault::Content);
    let house = House::open().await;
    house.server.says("/login", Answer::new(200, &headers, page));
    let to_login = Answer::new(301, &[("location", "/login")], "");
    let state = then(&house, to_login).await;
    is_kept(&state, Fault::Content);
    assert_eq!((state.moving, state.moved_to), (None, None), "a page is no new address");
}

#[tokio::test(start_paused = true)]
async fn half_a_body_gives_its_whole_entries_and_is_asked_for_again_in_full() {
    let house = House::open().await;
    let mut half = gzip(&rss(&["one", "two", "three"]));
    half.truncate(half.len() - 12);
    let headers = [("content-encoding", "gzip"), ("etag", "\"half\"")];
    let state = then(&house, Answer::new(200, &headers, half)).await;
    assert_eq!((state.fault, state.etag.as_deref()), (Some(Fault::Cut), None), "{state:?}");
    assert_eq!(state.why_next, Why::Interval, "its rest may be there any time");
}

/// Somebody else's answer must not have us knock inside the operator's network.
#[tokio::test(start_paused = true)]
async fn a_redirect_does_not_lead_into_the_operators_network() {
    let house = House::open().await;
    let secret = Server::open().await;
    secret.says("/", Answer::new(200, &[], rss(&["secret"])));
    // By name it is another host than the addresses below, as somebody else's would be.
    let url = format!("http://localhost:{}/feed", house.server.port);
    for host in ["127.0.0.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "any.localhost"] {
        let feed = house.poller(&host.replace(|c: char| !c.is_alphanumeric(), "-"), &url);
        let location = format!("http://{host}:{}/", secret.port);
        house.server.says("/feed", Answer::new(302, &[("location", &location)], ""));
        house.turn(&feed).await;
        let state = house.state(&host.replace(|c: char| !c.is_alphanumeric(), "-")).await;
        let fault = state.fault;
        assert!(matches!(fault, Some(Fault::Refused | Fault::Trouble)), "{host}: {state:?}");
        if host != "any.localhost" {
            assert!(state.last_error.expect("told").contains("not a public address"), "{host}");
        }
    }
    assert_eq!(secret.asked().len(), 0, "it was knocked at");
}

#[tokio::test(start_paused = true)]
async fn redirects_that_lead_nowhere_end() {
    for (location, requests) in [("/feed", 1), ("/other", 2), ("javascript:x", 1), ("ftp://x/", 1)]
    {
        let house = House::open().await;
        house.server.says("/other", Answer::new(302, &[("location", "/feed")], ""));
        let state = then(&house, Answer::new(302, &[("location", location)], "")).await;
        is_kept(&state, Fault::Refused);
        assert_eq!(house.requests(), 1 + requests, "{location}");
    }
}
