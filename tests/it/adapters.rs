//! What each platform is sent, and what each of its answers proves; without a network.

use std::sync::Arc;
use std::time::Duration;

use oncecast::adapter::{Adapter, Ask, Doubt, Known, Piece, Prepare, registry};
use oncecast::config::{Config, Group, Secrets};
use oncecast::model::{
    DeferCause, Entry, EntryId, Found, Guarantee, IdempotencyKey, Outcome, Request, Response, Time,
};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

const NOW: Time = Time::from_millis(1_767_323_045_000);

/// One integration of a kind, its group, and a post for it.
struct Scene {
    adapter: Arc<dyn Adapter>,
    group: Group,
    entry: Entry,
    key: IdempotencyKey,
    known: Known,
}

fn scene(kind: &str) -> Scene {
    let (more, room) = match kind {
        "webhook" => ("", ""),
        "mastodon" => ("token = { env = \"SECRET\" }", "visibility = \"unlisted\""),
        "bluesky" => ("identifier = \"me.test\"\npassword = { env = \"SECRET\" }", ""),
        "matrix" => ("user = \"me\"\npassword = { env = \"SECRET\" }", "room = \"!r:test\""),
        other => panic!("{other}"),
    };
    let text = format!(
        "[[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\n\
         [[integration]]\nname = \"x\"\nkind = {kind:?}\nurl = \"https://platform.test\"\n{more}\n\
         [[group]]\nname = \"readers\"\nintegration = \"x\"\n{room}\n"
    );
    let env = |name: &str| (name == "SECRET").then(|| "s3cret-of-mine".into());
    let file = std::path::Path::new("oncecast.toml");
    let config = Config::parse(&text, file, Secrets::Resolve, &env).expect("a config");
    let mut known = Known { learnt: Some(NOW), ..Known::default() };
    let facts = [
        ("account", "7"),
        ("max_characters", "100"),
        ("link", "23"),
        ("did", "did:plc:me"),
        ("user", "@me:test"),
        ("room !r:test", "!r:test"),
        ("open !r:test", "yes"),
    ];
    known.facts.extend(facts.map(|(k, v)| (k.to_owned(), v.to_owned())));
    known.secrets.insert("access".into(), jwt(NOW.as_millis() / 1_000 + 3_600).into());
    known.secrets.insert("token".into(), "t0ken".into());
    let entry_id = EntryId::from_bytes([7; 16]);
    Scene {
        adapter: registry::build(&config.integrations[0]),
        group: config.groups[0].clone(),
        entry: Entry {
            title: "On harbours & <boats>, for @alice".into(),
            link: Some("https://blog.example/harbours?a=1&b=2".into()),
            summary: "<p>What there is to say.</p>".into(),
            language: Some("en-GB".into()),
            ..Entry::default()
        },
        key: IdempotencyKey::of(&entry_id, "readers", 1),
        known,
    }
}

fn jwt(exp: u64) -> String {
    let claims = json!({ "exp": exp }).to_string();
    format!("h.{}.s", data_encoding::BASE64URL_NOPAD.encode(claims.as_bytes()))
}

impl Scene {
    fn piece(&self) -> Piece<'_> {
        Piece {
            entry: &self.entry,
            entry_id: EntryId::from_bytes([7; 16]),
            group: &self.group,
            key: &self.key,
            opened: NOW,
            number: 42,
            now: NOW,
        }
    }

    fn request(&self) -> Request {
        let post = self.adapter.compose(&self.piece(), &self.known).expect("it fits");
        assert!(post.length <= post.limit, "{post:?}");
        self.adapter.request(&post, &self.piece(), &self.known).expect("it can be said")
    }

    fn ask(&self, request: &Request, answers: &[Response]) -> Ask {
        let doubt = Doubt { piece: self.piece(), request, first_sent: NOW };
        self.adapter.ask(&doubt, &self.known, answers)
    }

    fn found(&self, answers: &[Response]) -> Found {
        match self.ask(&self.request(), answers) {
            Ask::Answer(found) => found,
            other => panic!("{other:?}"),
        }
    }
}

fn answer(status: u16, body: &Value) -> Response {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Response { status, body, whole: true, ..Response::default() }
}

const KINDS: [&str; 4] = ["webhook", "mastodon", "bluesky", "matrix"];

#[test]
fn no_stored_request_holds_a_secret() {
    for kind in KINDS {
        let scene = scene(kind);
        let request = format!("{:?}", scene.request());
        for secret in ["s3cret-of-mine", "t0ken", &jwt(NOW.as_millis() / 1_000 + 3_600)] {
            assert!(!request.contains(secret), "{kind}: {request}");
        }
    }
}

/// I2: a repeat is the same to the byte, so whatever makes the bytes must not look at the clock of the
/// attempt beyond what is stored.
#[test]
fn the_key_is_in_the_request_and_is_the_same_for_every_attempt() {
    for kind in KINDS {
        let scene = scene(kind);
        let request = scene.request();
        assert_eq!(request, scene.request(), "{kind}");
        let said = format!("{} {:?} {}", request.path, request.headers, request.body);
        let key = match kind {
            // The record's key is a TID made of the delivery's own moment and key.
            "bluesky" => {
                let body: Value = serde_json::from_str(&request.body).expect("JSON");
                assert_eq!(body["swapRecord"], Value::Null);
                body["rkey"].as_str().expect("a key").to_owned()
            }
            _ => scene.key.as_str().to_owned(),
        };
        assert!(said.contains(&key), "{kind}: {said}");
    }
}

/// A proxy can time out after the platform has posted: nothing above 499 may be called refused.
#[test]
fn no_answer_that_may_hide_a_post_is_called_refused() {
    for kind in KINDS {
        let scene = scene(kind);
        for status in [408, 500, 502, 503, 504, 522, 599] {
            for body in [json!(null), json!({ "error": "InternalServerError" }), json!("<html>")] {
                let outcome = scene.adapter.judge(&answer(status, &body));
                assert!(matches!(outcome, Outcome::Unknown { .. }), "{kind} {status}: {outcome:?}");
            }
        }
        // An answer whose body was lost is an answer all the same.
        for body in [json!(null), json!("garbled"), json!({})] {
            let outcome = scene.adapter.judge(&answer(200, &body));
            assert!(matches!(outcome, Outcome::Published { .. }), "{kind}: {outcome:?}");
        }
    }
}

#[test]
fn what_each_platform_says_is_understood() {
    use DeferCause::{Credentials, RateLimited, SessionExpired};
    for (kind, status, body, cause) in [
        ("webhook", 401, json!(null), Some(Credentials)),
        ("webhook", 429, json!(null), Some(RateLimited)),
        ("webhook", 410, json!(null), None),
        ("webhook", 403, json!(null), None),
        ("mastodon", 401, json!({ "error": "The access token is invalid" }), Some(Credentials)),
        ("mastodon", 403, json!({ "error": "This action is not allowed" }), Some(Credentials)),
        ("mastodon", 429, json!(null), Some(RateLimited)),
        ("mastodon", 422, json!({ "error": "Validation failed" }), None),
        ("bluesky", 400, json!({ "error": "ExpiredToken" }), Some(SessionExpired)),
        ("bluesky", 400, json!({ "error": "InvalidToken" }), Some(SessionExpired)),
        ("bluesky", 401, json!({ "error": "AuthMissing" }), Some(SessionExpired)),
        ("bluesky", 400, json!({ "error": "InvalidSwap" }), None),
        ("bluesky", 400, json!({ "error": "InvalidRequest" }), None),
        ("bluesky", 429, json!({ "error": "RateLimitExceeded" }), Some(RateLimited)),
        ("matrix", 401, json!({ "errcode": "M_UNKNOWN_TOKEN" }), Some(SessionExpired)),
        ("matrix", 429, json!({ "errcode": "M_LIMIT_EXCEEDED" }), Some(RateLimited)),
        ("matrix", 403, json!({ "errcode": "M_FORBIDDEN" }), None),
        ("matrix", 413, json!({ "errcode": "M_TOO_LARGE" }), None),
    ] {
        let outcome = scene(kind).adapter.judge(&answer(status, &body));
        match (&outcome, cause) {
            (Outcome::Deferred { cause: got, .. }, Some(wanted)) => {
                assert_eq!(*got, wanted, "{kind} {status}");
            }
            (Outcome::Refused { reason }, None) => assert!(!reason.is_empty()),
            _ => panic!("{kind} {status} {body}: {outcome:?}"),
        }
    }
}

#[test]
fn a_platform_that_says_when_is_believed() {
    let mut limited = answer(429, &json!({ "retry_after_ms": 4311 }));
    let wait = |kind: &str, answer: &Response| match scene(kind).adapter.judge(answer) {
        Outcome::Deferred { wait, .. } => wait,
        other => panic!("{other:?}"),
    };
    assert_eq!(wait("matrix", &limited), Some(Duration::from_millis(4_311)));
    limited.headers.push(("retry-after".into(), "5".into()));
    for kind in KINDS {
        assert_eq!(wait(kind, &limited), Some(Duration::from_secs(5)), "{kind}");
    }
}

#[test]
fn a_webhook_cannot_be_asked_and_says_so() {
    let scene = scene("webhook");
    assert!(matches!(scene.ask(&scene.request(), &[]), Ask::Cannot));
    assert_eq!(scene.adapter.guarantee(&scene.known), Guarantee::Blind);
}

#[test]
fn a_status_in_doubt_is_found_or_proved_absent() {
    let scene = scene("mastodon");
    let status = |content: &str, at: &str| json!({ "id": "9", "url": "https://platform.test/@me/9", "content": content, "created_at": at });
    let ours = status(
        "<p>..</p><a href=\"https://blog.example/harbours?a=1&amp;b=2\">..</a>",
        "2026-01-02T03:04:06.000Z",
    );
    let other = status("<p>Something else</p>", "2026-01-02T03:04:07.000Z");
    let Found::There(at) = scene.found(&[answer(200, &json!([other, ours]))]) else {
        panic!("it is there");
    };
    assert_eq!(at.id.as_deref(), Some("9"));
    assert_eq!(scene.found(&[answer(200, &json!([other]))]), Found::Absent);
    // The same link an hour before the send is another post of the account.
    let old = status(ours["content"].as_str().expect("text"), "2026-01-02T02:00:00.000Z");
    assert_eq!(scene.found(&[answer(200, &json!([old]))]), Found::Absent);
    // A full page that does not reach back to the send proves nothing.
    let full: Vec<Value> = (0..40).map(|_| other.clone()).collect();
    assert!(matches!(scene.found(&[answer(200, &json!(full))]), Found::Unsure(_)));
    for bad in [answer(500, &json!(null)), answer(200, &json!("garbled")), answer(401, &json!({}))]
    {
        assert!(matches!(scene.found(&[bad]), Found::Unsure(_)));
    }
}

#[test]
fn a_record_in_doubt_is_found_or_proved_absent() {
    let scene = scene("bluesky");
    let there = answer(200, &json!({ "uri": "at://did:plc:me/app.bsky.feed.post/3k", "cid": "c" }));
    let Found::There(at) = scene.found(&[there]) else { panic!("it is there") };
    assert_eq!(at.url.as_deref(), Some("https://bsky.app/profile/did:plc:me/post/3k"));
    let absent = answer(400, &json!({ "error": "RecordNotFound" }));
    assert_eq!(scene.found(&[absent]), Found::Absent);
    for bad in [answer(400, &json!({ "error": "InvalidRequest" })), answer(502, &json!(null))] {
        assert!(matches!(scene.found(&[bad]), Found::Unsure(_)));
    }
}

#[test]
fn an_event_in_doubt_is_found_or_proved_absent() {
    let scene = scene("matrix");
    let event = |key: &str, at: u64| {
        json!({
            "event_id": "$e", "origin_server_ts": at,
            "content": { "body": "x", "org.oncecast.key": key },
        })
    };
    let now = NOW.as_millis();
    let page = |events: Value, end: Value| answer(200, &json!({ "chunk": events, "end": end }));
    let ours = page(json!([event("other", now), event(scene.key.as_str(), now)]), json!("more"));
    assert!(matches!(scene.found(&[ours]), Found::There(_)));
    let older = page(json!([event("other", now - 3_600_000)]), json!("more"));
    assert_eq!(scene.found(&[older]), Found::Absent, "what is older was there before the send");
    assert_eq!(scene.found(&[page(json!([event("other", now)]), json!(null))]), Found::Absent);
    let recent = page(json!([event("other", now)]), json!("more"));
    let Ask::Call(next) = scene.ask(&scene.request(), &[recent]) else { panic!("it goes on") };
    assert!(next.request.path.contains("from=more"), "{}", next.request.path);
    assert!(matches!(scene.found(&[answer(500, &json!(null))]), Found::Unsure(_)));
}

/// A feed must not be able to ping, to bring markup, or to choose who may read.
#[test]
fn what_a_feed_says_is_only_text() {
    let said =
        |kind: &str| -> Value { serde_json::from_str(&scene(kind).request().body).expect("JSON") };
    let fedi = said("mastodon");
    assert!(fedi["status"].as_str().expect("text").contains("@\u{200B}alice"), "{fedi}");
    assert_eq!(fedi["visibility"], "unlisted");
    let sky = said("bluesky");
    let facets = sky["record"]["facets"].as_array().expect("facets");
    assert_eq!(facets.len(), 1, "a link and no mention: {facets:?}");
    let text = sky["record"]["text"].as_str().expect("text").as_bytes();
    let index = |name: &str| facets[0]["index"][name].as_u64().expect("a byte") as usize;
    let linked = &text[index("byteStart")..index("byteEnd")];
    assert_eq!(linked, b"https://blog.example/harbours?a=1&b=2");
    let room = said("matrix");
    assert_eq!(room["m.mentions"], json!({}));
    let html = room["formatted_body"].as_str().expect("html");
    assert!(html.contains("&lt;boats&gt;"), "{html}");
}

/// Walks a preparation with scripted answers; gives what was asked and how it ended.
fn prepared(scene: &Scene, known: &Known, answers: Vec<Response>) -> (Vec<String>, Prepare) {
    let (mut given, mut asked) = (Vec::new(), Vec::new());
    for answer in answers {
        match scene.adapter.prepare(known, &scene.group, &given, NOW) {
            Prepare::Call(call) => asked.push(call.request.path),
            end => return (asked, end),
        }
        given.push(answer);
    }
    (asked, scene.adapter.prepare(known, &scene.group, &given, NOW))
}

#[test]
fn a_session_is_kept_and_a_new_one_is_not_made_for_every_post() {
    let scene = scene("bluesky");
    let (asked, end) = prepared(&scene, &scene.known, vec![]);
    assert!(asked.is_empty() && matches!(end, Prepare::Ready(_)));
    let session = answer(
        200,
        &json!({
            "accessJwt": jwt(NOW.as_millis() / 1_000 + 7_200),
            "refreshJwt": jwt(NOW.as_millis() / 1_000 + 7_000_000),
            "did": "did:plc:me", "handle": "me.test",
        }),
    );
    let (asked, end) = prepared(&scene, &Known::default(), vec![session.clone()]);
    assert_eq!(asked, ["/xrpc/com.atproto.server.createSession"]);
    let Prepare::Ready(mut known) = end else { panic!("{end:?}") };
    known.secrets.insert("access".into(), jwt(NOW.as_millis() / 1_000 - 1).into());
    let (asked, end) = prepared(&scene, &known, vec![session]);
    assert_eq!(asked, ["/xrpc/com.atproto.server.refreshSession"]);
    let Prepare::Ready(fresh) = end else { panic!("{end:?}") };
    assert_ne!(fresh.secrets["access"].expose_secret(), known.secrets["access"].expose_secret());
}

#[test]
fn a_wrong_secret_is_named_and_not_shown() {
    for (kind, refusal) in [
        ("mastodon", answer(401, &json!({ "error": "The access token is invalid" }))),
        ("bluesky", answer(401, &json!({ "error": "AuthenticationRequired" }))),
        ("matrix", answer(403, &json!({ "errcode": "M_FORBIDDEN" }))),
    ] {
        let scene = scene(kind);
        let (_, end) = prepared(&scene, &Known::default(), vec![refusal]);
        let Prepare::Denied(why) = end else { panic!("{kind}: {end:?}") };
        assert!(why.contains("environment variable SECRET"), "{kind}: {why}");
        assert!(!why.contains("s3cret"), "{kind}: {why}");
    }
}

#[test]
fn an_encrypted_room_is_refused() {
    let scene = scene("matrix");
    let mut known = scene.known.clone();
    known.facts.remove("open !r:test");
    let encrypted = answer(200, &json!({ "algorithm": "m.megolm.v1.aes-sha2" }));
    let (_, end) = prepared(&scene, &known, vec![encrypted]);
    assert!(matches!(end, Prepare::Denied(why) if why.contains("encrypted")));
    let open = answer(404, &json!({ "errcode": "M_NOT_FOUND" }));
    let (_, end) = prepared(&scene, &known, vec![open]);
    assert!(matches!(end, Prepare::Ready(_)));
}
