//! A scripted server that keeps what it was asked.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;

use super::*;
use crate::model::Header;

const NOW: Time = Time::from_millis(1_767_323_045_000);
const DATE: &str = "Fri, 02 Jan 2026 03:04:05 GMT";
const OLD: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
const FEED: &str = "https://blog.example/feed";

#[derive(Default)]
struct Server {
    answers: Mutex<VecDeque<Response>>,
    asked: Mutex<Vec<(String, Vec<Header>, Reach)>>,
}

impl Server {
    fn with(answers: impl IntoIterator<Item = Response>) -> Self {
        Self { answers: Mutex::new(answers.into_iter().collect()), asked: Mutex::default() }
    }

    fn urls(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(url, ..)| url.clone()).collect()
    }

    /// The conditional headers of the n-th request.
    fn conditions(&self, at: usize) -> Vec<Header> {
        let asked = self.asked.lock().unwrap();
        asked[at].1.iter().filter(|(name, _)| name.starts_with("if-")).cloned().collect()
    }
}

impl Getter for Server {
    fn get<'a>(
        &'a self,
        get: Get<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Response, GetError>> + Send + 'a>> {
        self.asked.lock().unwrap().push((get.url.to_string(), get.headers.clone(), get.reach));
        let answer = self.answers.lock().unwrap().pop_front();
        Box::pin(async move {
            answer.ok_or_else(|| GetError::Connect {
                host: "blog.example".to_owned(),
                why: "refused".to_owned(),
            })
        })
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Response { status, headers, body: body.into(), whole: true }
}

fn source() -> FeedSource {
    FeedSource::Http(Url::parse(FEED).unwrap())
}

fn known() -> FeedState {
    FeedState {
        etag: Some("W/\"odd".to_owned()),
        last_modified: Some("yesterday, they say".to_owned()),
        validators_url: Some(FEED.to_owned()),
        last_unconditional: Some(NOW.minus(Duration::from_secs(60))),
        ..FeedState::default()
    }
}

async fn ask(server: &Server, state: &FeedState) -> Result<Fetched, FetchError> {
    fetch(server, &source(), state, NOW).await
}

/// Where the feed says to have moved for good.
async fn moved(server: &Server) -> Option<String> {
    let asked = super::ask(server, &source(), &FeedState::default(), NOW).await;
    asked.unwrap().1.moved.map(String::from)
}

async fn body(server: &Server, state: &FeedState) -> Body {
    match ask(server, state).await {
        Ok(Fetched::Body(body)) => *body,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn validators_go_back_to_the_byte_and_a_304_renews_them() {
    let server = Server::with([answer(304, &[("etag", "\"new\"")], "")]);
    let fetched = ask(&server, &known()).await.unwrap();
    let conditions = server.conditions(0);
    assert_eq!(conditions[0], ("if-none-match".to_owned(), "W/\"odd".to_owned()));
    assert_eq!(conditions[1], ("if-modified-since".to_owned(), "yesterday, they say".to_owned()));
    let mut state = known();
    fetched.remember(&mut state, NOW, true);
    assert_eq!(state.etag.as_deref(), Some("\"new\""));
    assert_eq!(state.last_modified.as_deref(), Some("yesterday, they say"));
    assert_eq!(state.validators_url.as_deref(), Some(FEED));
    assert_eq!((state.last_success, state.last_change), (Some(NOW), None));
}

#[tokio::test]
async fn a_second_post_in_the_same_second_is_not_missed() {
    let minted = |modified: &str| {
        answer(200, &[("date", DATE), ("last-modified", modified), ("etag", "\"e\"")], "x")
    };
    for weak in [DATE, "Fri, 02 Jan 2026 03:03:06 GMT", "Fri, 02 Jan 2026 03:09:00 GMT"] {
        let body = body(&Server::with([minted(weak)]), &FeedState::default()).await;
        assert_eq!(body.validators, Validators::default(), "{weak}");
    }
    for sound in ["Fri, 02 Jan 2026 03:03:05 GMT", OLD] {
        let body = body(&Server::with([minted(sound)]), &FeedState::default()).await;
        assert_eq!(body.validators.last_modified.as_deref(), Some(sound));
        assert_eq!(body.validators.etag.as_deref(), Some("\"e\""));
    }
    let undated = answer(200, &[("last-modified", DATE), ("etag", "\"e\"")], "x");
    let weak = body(&Server::with([undated]), &FeedState::default()).await;
    assert_eq!(weak.validators, Validators::default(), "our clock stands in for a missing date");
    let only_etag = answer(200, &[("date", DATE), ("etag", "\"e\"")], "x");
    let kept = body(&Server::with([only_etag]), &FeedState::default()).await;
    assert_eq!(kept.validators.etag.as_deref(), Some("\"e\""));
    let epoch = answer(200, &[("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT")], "x");
    let dropped = body(&Server::with([epoch]), &FeedState::default()).await;
    assert_eq!(dropped.validators, Validators::default(), "1970 would match for ever");
}

#[tokio::test]
async fn a_lying_304_hides_a_post_for_a_day_at_most() {
    let day = Duration::from_secs(24 * 60 * 60);
    for last in [None, Some(NOW.minus(day)), Some(NOW.plus(day))] {
        let server = Server::with([answer(200, &[], "x")]);
        let state = FeedState { last_unconditional: last, ..known() };
        body(&server, &state).await;
        assert_eq!(server.conditions(0), [], "{last:?}");
    }
    // A server that was found to tell the truth is looked after less often, and never less than this.
    for (honest, days) in [(0, 1), (1, 2), (3, 8), (4, 14), (99, 14)] {
        for (age, sent) in [(day * days, 0), (day * days - Duration::from_secs(1), 2)] {
            let server = Server::with([answer(200, &[], "x")]);
            let last = Some(NOW.minus(age));
            body(&server, &FeedState { last_unconditional: last, honest, ..known() }).await;
            assert_eq!(server.conditions(0).len(), sent, "{honest} {age:?}");
        }
    }
    // One whose dates have hidden posts is told of none.
    let server = Server::with([answer(200, &[], "x")]);
    body(&server, &FeedState { lies: LIES_MAX, ..known() }).await;
    assert_eq!(server.conditions(0), [("if-none-match".to_owned(), "W/\"odd".to_owned())]);
    let unasked = Server::with([answer(304, &[], "")]);
    let error = ask(&unasked, &FeedState::default()).await.unwrap_err();
    assert!(error.to_string().contains("not modified"), "{error}");
}

#[tokio::test]
async fn an_unchanged_body_is_known_and_still_renews_the_validators() {
    let server =
        Server::with([answer(200, &[], "same"), answer(200, &[("etag", "\"2\"")], "same")]);
    let mut state = FeedState::default();
    ask(&server, &state).await.unwrap().remember(&mut state, NOW, true);
    assert_eq!((state.last_change, state.last_unconditional), (Some(NOW), Some(NOW)));
    let again = ask(&server, &state).await.unwrap();
    assert!(matches!(again, Fetched::Unchanged(_)), "{again:?}");
    again.remember(&mut state, NOW, true);
    assert_eq!(state.etag.as_deref(), Some("\"2\""));
}

#[tokio::test]
async fn half_a_feed_is_asked_for_again_whole() {
    let mut half = answer(200, &[("etag", "\"1\"")], "half");
    half.whole = false;
    for response in [half, answer(200, &[("etag", "\"1\"")], "half")] {
        let mut state = known();
        let fetched = ask(&Server::with([response]), &state).await.unwrap();
        fetched.remember(&mut state, NOW, false);
        assert_eq!((&state.etag, &state.body_sha256), (&None, &None));
        assert_eq!(state.last_success, Some(NOW));
    }
}

#[tokio::test]
async fn a_redirect_never_reaches_a_private_address_by_itself() {
    let to = |status, location: &str| answer(status, &[("location", location)], "");
    let server = Server::with([
        to(301, "https://blog.example/new"),
        to(302, "//other.example/feed#x"),
        to(307, "http://127.0.0.1:8080/"),
        answer(200, &[("etag", "\"e\"")], "x"),
    ]);
    let body = body(&server, &known()).await;
    let reaches: Vec<_> = server.asked.lock().unwrap().iter().map(|(.., reach)| *reach).collect();
    use Reach::{Anywhere, PublicOnly};
    assert_eq!(reaches, [Anywhere, Anywhere, PublicOnly, PublicOnly]);
    assert_eq!(server.urls()[2], "https://other.example/feed");
    assert_eq!(body.validators.url.as_deref(), Some("http://127.0.0.1:8080/"));
    assert_eq!(server.conditions(0).len(), 2);
    for other in 1..4 {
        assert_eq!(server.conditions(other), [], "validators belong to the URL that gave them");
    }
}

#[tokio::test]
async fn validators_follow_the_url_that_gave_them() {
    let to = answer(308, &[("location", "/new")], "");
    let server = Server::with([to, answer(304, &[], "")]);
    let new = "https://blog.example/new".to_owned();
    let state = FeedState { validators_url: Some(new.clone()), ..known() };
    let Fetched::NotModified(validators) = ask(&server, &state).await.unwrap() else { panic!() };
    assert_eq!((server.conditions(0).len(), server.conditions(1).len()), (0, 2));
    assert_eq!(validators.url, Some(new));
}

#[tokio::test]
async fn redirects_that_lead_nowhere_end() {
    let to = |location: &str| answer(301, &[("location", location)], "");
    let circle = [to("/a"), to("/b"), to("/a")];
    let many: Vec<_> = (0..9).map(|n| to(&format!("/{n}"))).collect();
    for (answers, asked, why) in [
        (circle.to_vec(), 3, "in a circle"),
        (many, 6, "too often"),
        (vec![to("javascript:x")], 1, "to something that is not on the web"),
        (vec![answer(302, &[], "")], 1, "without saying where to"),
    ] {
        let server = Server::with(answers);
        let error = ask(&server, &FeedState::default()).await.unwrap_err();
        assert_eq!(error.to_string(), format!("blog.example redirects {why}"));
        assert_eq!(server.urls().len(), asked, "{why}");
    }
    let moved_to = |answers: Vec<Response>| async { moved(&Server::with(answers)).await };
    let new = Some("https://blog.example/new".to_owned());
    assert_eq!(moved_to(vec![to("/new"), answer(200, &[], "x")]).await, new);
    assert_eq!(moved_to(vec![to("/a"), to("/new"), answer(200, &[], "x")]).await, new);
    let temporary = answer(302, &[("location", "/new")], "");
    for answers in [
        vec![to("/a"), temporary, answer(200, &[], "x")],
        // Whoever owns the network between could take the feed for good.
        vec![to("http://blog.example/new"), answer(200, &[], "x")],
        vec![answer(200, &[], "x")],
    ] {
        assert_eq!(moved_to(answers).await, None);
    }
}

#[tokio::test]
async fn failures_say_what_to_do_and_forget_nothing() {
    for (status, words) in [
        (404, "blog.example has no feed there (HTTP 404): check the url"),
        (
            410,
            "blog.example says that the feed is gone for good (HTTP 410): \
             take it out of the config",
        ),
        (403, "blog.example refuses access (HTTP 403): check the url, or ask the site"),
        (503, "blog.example has a fault of its own (HTTP 503)"),
        (204, "blog.example gives no feed (HTTP 204)"),
    ] {
        let server = Server::with([answer(status, &[], "")]);
        let error = ask(&server, &known()).await.unwrap_err();
        assert_eq!(error.to_string(), words);
    }
    let refused = ask(&Server::default(), &known()).await.unwrap_err();
    assert_eq!(refused.to_string(), "cannot connect to blog.example: refused");
}

#[tokio::test]
async fn a_server_may_ask_for_rest_in_seconds_or_by_date() {
    for (header, seconds) in [("120", 120), ("Fri, 02 Jan 2026 03:14:05 GMT", 600), (OLD, 0)] {
        let headers = [("retry-after", header), ("date", DATE)];
        let error = ask(&Server::with([answer(429, &headers, "")]), &known()).await.unwrap_err();
        assert_eq!(error.wait(), Some(Duration::from_secs(seconds)), "{header}");
    }
}

#[tokio::test]
async fn a_file_is_read_and_known_when_it_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feed.xml");
    std::fs::write(&path, "<rss/>").unwrap();
    let server = Server::default();
    let source = FeedSource::File(path.clone());
    let mut state = FeedState::default();
    let fetched = fetch(&server, &source, &state, NOW).await.unwrap();
    let Fetched::Body(body) = &fetched else { panic!("{fetched:?}") };
    assert_eq!((body.bytes.as_slice(), &body.url), (b"<rss/>".as_slice(), &None));
    fetched.remember(&mut state, NOW, true);
    let again = fetch(&server, &source, &state, NOW).await.unwrap();
    assert_eq!(again, Fetched::Unchanged(Validators::default()));
    for bad in [folder.path().to_owned(), folder.path().join("none")] {
        let error = fetch(&server, &FeedSource::File(bad.clone()), &state, NOW).await.unwrap_err();
        assert!(error.to_string().starts_with(&bad.display().to_string()), "{error}");
    }
    std::fs::File::create(&path).unwrap().set_len(MAX_BODY as u64 + 1).unwrap();
    let error = fetch(&server, &source, &state, NOW).await.unwrap_err();
    assert!(error.to_string().contains("larger than"), "{error}");
    assert!(server.urls().is_empty());
}
