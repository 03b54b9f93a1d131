//! The lines of evidence about one post, word for word: what is sent to a platform that accuses us.
//!
//! `ONCECAST_BLESS=1 cargo test --test it journal` writes what is said now in place of what is
//! expected; the difference is then read like code.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oncecast::adapter::{CallSecrets, Known, registry};
use oncecast::clock::TokioClock;
use oncecast::config::{Config, Secrets};
use oncecast::daemon::setup_of;
use oncecast::ledger::embedded::Embedded;
use oncecast::ledger::{Claim, Intake, Ledger as _, Sight, Verdict};
use oncecast::model::{Entry, FeedState, Found, Method, Reference, Request, Response, Time};
use oncecast::wire::{Answering, Endpoint, Fuse, Get, Outgoing, Transport, Trouble, Wire};

const START: Time = Time::from_millis(1_767_323_045_000);

/// A network that gives these answers, one a request.
#[derive(Debug)]
struct Script(Mutex<Vec<Result<Response, Trouble>>>);

impl Transport for Script {
    fn send<'a>(
        &'a self,
        _: Outgoing<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Response, Trouble>> + Send + 'a>> {
        let answer = self.0.lock().expect("free").remove(0);
        Box::pin(async move { answer })
    }

    fn get<'a>(&'a self, _: Get<'a>) -> Answering<'a> {
        panic!("nothing is fetched here")
    }
}

fn answer(status: u16, body: &str) -> Result<Response, Trouble> {
    Ok(Response { status, body: body.into(), whole: true, ..Response::default() })
}

#[tokio::test(start_paused = true)]
async fn each_attempt_stands_there_with_request_status_and_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "[guard]\nsettle = \"0s\"\n[[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\n\
         [[integration]]\nname = \"fedi\"\nkind = \"mastodon\"\nurl = \"https://fedi.example\"\n\
         token = { env = \"TOKEN\" }\ncaps = { per_10m = 9, per_hour = 9, per_day = 9 }\n\
         [[group]]\nname = \"first\"\nintegration = \"fedi\"\n\
         [[integration]]\nname = \"toots\"\nkind = \"mastodon\"\nurl = \"https://toot.example\"\n\
         token = { env = \"TOKEN\" }\n\
         [[group]]\nname = \"second\"\nintegration = \"toots\"\n";
    let file = folder.path().join("oncecast.toml");
    let config = Config::parse(text, &file, Secrets::Resolve, &|_| Some("hush".into()));
    let config = config.expect("a config");
    let clock = TokioClock::starting_at(START);
    let path = folder.path().join("ledger.redb");
    let ledger = Embedded::open(&path, clock).await.expect("opens");
    ledger.configure(setup_of(&config)).await.expect("configured");
    let entry = |title: &str| Entry {
        guid: Some(title.into()),
        link: Some(format!("https://blog.example/{title}")),
        title: title.into(),
        ..Entry::default()
    };
    for entries in [vec![entry("Old")], vec![entry("Old"), entry("New")]] {
        let sight = Sight::Document { entries, complete: true };
        let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
        ledger.admit(intake).await.expect("admitted");
    }
    let told = r#"{"id":"109","url":"https://fedi.example/@me/109"}"#;
    let limited = answer(429, "slow down");
    let answers = vec![limited, answer(200, told), answer(502, "<h1>Bad Gateway</h1>")];
    let wire = Wire::over(Arc::new(Script(Mutex::new(answers))), Fuse::default());
    let integration = &config.integrations[0];
    let adapter = registry::build(integration);
    let to = Endpoint { base: integration.url.clone(), timeout: Duration::from_secs(9) };
    let post = ledger.find("New").await.expect("readable").remove(0);
    for group in [0, 0, 1] {
        tokio::time::advance(Duration::from_secs(3_600)).await;
        let body = serde_json::json!({ "status": "New https://blog.example/New" });
        let request = Request::json(Method::Post, "/api/v1/statuses", &body);
        let claim = ledger.claim(post.deliveries[group].id, request).await.expect("answered");
        let Claim::Granted(permit) = claim else { panic!("{claim:?}") };
        let spent = wire
            .publish(permit, &to, &CallSecrets::default(), adapter.as_ref(), &Known::default())
            .await;
        ledger.settle(&spent).await.expect("settled");
    }
    tokio::time::advance(Duration::from_secs(3_600)).await;
    let url = Some("https://fedi.example/@me/110".into());
    let found = Verdict::Asked(Found::There(Reference {
        id: Some("110".into()),
        url,
        ..Reference::default()
    }));
    ledger.resolve(post.deliveries[1].id, found, "daemon".into()).await.expect("resolved");

    let lines = ledger.history(post.number).await.expect("readable");
    let said: String =
        lines.iter().map(|l| serde_json::to_string(l).expect("JSON") + "\n").collect();
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/journal.jsonl");
    if std::env::var_os("ONCECAST_BLESS").is_some() {
        std::fs::write(golden, &said).expect("written");
    }
    assert_eq!(said, std::fs::read_to_string(golden).expect("there"));
    assert!(!said.contains("hush"));
    // A line of an older release has neither status nor id.
    let older = r#"{"at":5,"event":"published","status":"published","who":"daemon"}"#;
    let line: oncecast::ledger::journal::Line = serde_json::from_str(older).expect("readable");
    assert_eq!((line.http, line.id), (None, None));
}
