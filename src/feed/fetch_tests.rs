//! What readers would have missed, or a server would have suffered, if a poll asked otherwise.

use std::sync::Mutex;

use super::*;
use crate::wire::Answering;

/// A network that gives scripted answers and notes what it was asked.
#[derive(Default)]
struct Script {
    answers: Mutex<Vec<Response>>,
    asked: Mutex<Vec<(String, Reach, Vec<Header>)>>,
}

impl Getter for Script {
    fn get<'a>(&'a self, get: Get<'a>) -> Answering<'a> {
        let note = (get.url.to_string(), get.reach, get.headers.clone());
        self.asked.lock().expect("free").push(note);
        let answer = self.answers.lock().expect("free").remove(0);
        Box::pin(async move { Ok(answer) })
    }
}

const NOW: Time = Time::from_millis(1_767_323_045_000);
const DATE: &str = "Fri, 02 Jan 2026 03:04:05 GMT";

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    Response {
        status,
        headers: headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
        body: body.into(),
        whole: true,
    }
}

async fn poll(script: &Script, state: &FeedState) -> Result<Fetched, FetchError> {
    let url = Url::parse("http://10.0.0.5/feed").expect("a url");
    fetch(script, &FeedSource::Http(url), state, NOW).await
}

/// Polls once and keeps what was learnt.
async fn polled(script: &Script, state: &mut FeedState) -> Fetched {
    let fetched = poll(script, state).await.expect("an answer");
    let validators = match &fetched {
        Fetched::Unchanged(validators) => validators.clone(),
        Fetched::Body(body) => body.validators.clone(),
    };
    validators.keep(state, NOW);
    fetched
}

fn sent(script: &Script, at: usize, name: &str) -> Option<String> {
    let asked = script.asked.lock().expect("free");
    asked[at].2.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone())
}

#[tokio::test]
async fn validators_go_back_byte_for_byte() {
    let script = Script::default();
    let old = "Fri, 02 Jan 2026 02:00:00 GMT";
    let headers = [("etag", "W/\"a b\""), ("last-modified", old), ("date", DATE)];
    script.answers.lock().expect("free").extend([answer(200, &headers, "x"), answer(304, &[], "")]);
    let mut state = FeedState::default();
    assert!(matches!(polled(&script, &mut state).await, Fetched::Body(_)));
    assert_eq!(sent(&script, 0, "if-none-match"), None, "none are made up");
    assert!(matches!(polled(&script, &mut state).await, Fetched::Unchanged(_)));
    assert_eq!(sent(&script, 1, "if-none-match").as_deref(), Some("W/\"a b\""));
    assert_eq!(sent(&script, 1, "if-modified-since").as_deref(), Some(old));
    assert_eq!(state.etag.as_deref(), Some("W/\"a b\""), "a 304 without them leaves them");
}

#[tokio::test]
async fn a_second_post_in_the_same_second_is_not_hidden_by_a_304() {
    let script = Script::default();
    let headers = [("etag", "\"of that second\""), ("last-modified", DATE), ("date", DATE)];
    script
        .answers
        .lock()
        .expect("free")
        .extend([answer(200, &headers, "x"), answer(200, &[], "y")]);
    let mut state = FeedState::default();
    polled(&script, &mut state).await;
    polled(&script, &mut state).await;
    assert_eq!(sent(&script, 1, "if-none-match"), None);
    assert_eq!(sent(&script, 1, "if-modified-since"), None);
}

#[tokio::test]
async fn a_server_that_says_304_for_ever_is_asked_without_conditions_once_a_day() {
    let script = Script::default();
    script.answers.lock().expect("free").push(answer(200, &[], "x"));
    let state = FeedState {
        etag: Some("\"e\"".into()),
        validators_url: Some("http://10.0.0.5/feed".into()),
        last_unconditional: Some(NOW.minus(UNCONDITIONAL_EVERY)),
        ..FeedState::default()
    };
    poll(&script, &state).await.expect("an answer");
    assert_eq!(sent(&script, 0, "if-none-match"), None);
}

#[tokio::test]
async fn the_same_body_is_no_news() {
    let script = Script::default();
    script.answers.lock().expect("free").extend([answer(200, &[], "x"), answer(200, &[], "x")]);
    let mut state = FeedState::default();
    assert!(matches!(polled(&script, &mut state).await, Fetched::Body(_)));
    assert!(matches!(polled(&script, &mut state).await, Fetched::Unchanged(_)));
}

#[tokio::test]
async fn a_redirect_may_not_lead_where_only_the_operator_may() {
    let script = Script::default();
    let to = |place| answer(302, &[("location", place)], "");
    script.answers.lock().expect("free").extend([
        to("/moved"),
        to("http://169.254.169.254/feed"),
        answer(200, &[], "x"),
    ]);
    poll(&script, &FeedState::default()).await.expect("an answer");
    let reach: Vec<Reach> = script.asked.lock().expect("free").iter().map(|a| a.1).collect();
    assert_eq!(reach, [Reach::Anywhere, Reach::Anywhere, Reach::PublicOnly]);

    for (place, why) in [("file:///etc/passwd", "file:"), ("http://10.0.0.5/feed", "ring")] {
        let script = Script::default();
        script.answers.lock().expect("free").push(to(place));
        let error = poll(&script, &FeedState::default()).await.expect_err("is refused");
        assert!(error.why.contains(why), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_asks_for_patience_gets_it() {
    for (header, wait) in [("120", 120), ("Fri, 02 Jan 2026 03:14:05 GMT", 600)] {
        let script = Script::default();
        script.answers.lock().expect("free").push(answer(503, &[("retry-after", header)], ""));
        let error = poll(&script, &FeedState::default()).await.expect_err("is no feed");
        assert_eq!(error.wait, Some(Duration::from_secs(wait)));
    }
}

#[tokio::test]
async fn a_file_is_a_feed_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("feed.xml");
    let script = Script::default();
    let source = FeedSource::File(path.clone());
    let error = fetch(&script, &source, &FeedState::default(), NOW).await.expect_err("no file");
    assert!(error.why.contains("feed.xml"), "{error}");
    std::fs::write(&path, "x").expect("written");
    let fetched = fetch(&script, &source, &FeedState::default(), NOW).await.expect("read");
    assert!(matches!(fetched, Fetched::Body(body) if body.bytes == b"x"));
    let folder = FeedSource::File(folder.path().to_owned());
    assert!(fetch(&script, &folder, &FeedState::default(), NOW).await.is_err());
}
