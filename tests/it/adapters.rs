//! What each platform hears and how its answers are read, case by case in `tests/golden/<platform>/`:
//! an adapter that says more, less or something else than before fails here before a reader sees it.
//!
//! `ONCECAST_BLESS=1 cargo test --test it adapters` writes what is said now in place of what is
//! expected; the difference is then read like code.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use oncecast::adapter::registry;
use oncecast::adapter::{Adapter, Amending, Ask, Call, Deed, Doubt, Known, Piece, Prepare, Stage};
use oncecast::config::{
    Caps, Group, Integration, MatrixLogin, Pace, PingKind, Platform, Secret, SecretSource,
};
use oncecast::model::{
    Change, Effect, Entry, EntryId, Fingerprint, Found, IdempotencyKey, Outcome, Request, Response,
    Time,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// 2026-01-02T03:04:05Z, when the delivery of every case was opened.
const OPENED: u64 = 1_767_323_045_000;
/// The kinds of case that each platform has, one file each.
const KINDS: [&str; 4] = ["prepare", "publish", "judge", "ask"];

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Every adapter there is, found where they are written, so that none can be left out here.
pub(super) fn platforms() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/adapter");
    let mut platforms = Vec::new();
    for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        let source = if file.is_dir() { file.join("mod.rs") } else { file.clone() };
        let is_adapter = fs::read_to_string(source)
            .is_ok_and(|text| text.lines().any(|line| line.starts_with("impl Adapter for ")));
        // By hand nothing is called, and nothing answers: `by_hand` has tests of its own. What is described
        // has cases by kind: `described`.
        let own = |name: &std::ffi::OsStr| name == "by_hand" || name == "described";
        if is_adapter && file.file_stem().is_some_and(|name| !own(name)) {
            platforms.push(file.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    platforms.sort();
    platforms
}

#[test]
fn no_reader_hears_anything_that_was_not_meant() {
    let platforms = platforms();
    assert!(platforms.len() >= 4, "the adapters were not found: {platforms:?}");
    let bless = std::env::var_os("ONCECAST_BLESS").is_some();
    let mut wrong = Vec::new();
    for platform in &platforms {
        for kind in KINDS.into_iter().chain(["stage", "amend", "amended"]) {
            let file = golden().join(platform).join(format!("{kind}.json"));
            if kind == "stage" && !does(platform, "stage") {
                continue;
            }
            if kind.starts_with("amend") && !does(platform, "amend") {
                continue;
            }
            let text = fs::read_to_string(&file)
                .unwrap_or_else(|e| panic!("{} has no {kind} cases: {e}", file.display()));
            let mut cases: Vec<Value> = serde_json::from_str(&text).unwrap();
            assert!(!cases.is_empty(), "{}", file.display());
            for case in &mut cases {
                let said = Case { platform, value: case }.run(kind);
                if bless {
                    case["expect"] = said;
                } else if case["expect"] != said {
                    wrong.push(format!(
                        "{platform}/{kind}: {}\n  expected {}\n  but it is {said}",
                        case["says"], case["expect"]
                    ));
                }
            }
            if bless {
                let text = serde_json::to_string_pretty(&cases).unwrap() + "\n";
                fs::write(&file, text).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Whether an adapter does more than every one must: makes something ready first, or changes posts.
fn does(platform: &str, verb: &str) -> bool {
    let adapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/adapter");
    let source = fs::read_to_string(adapter.join(format!("{platform}.rs"))).unwrap_or_default();
    source.contains(&format!("fn {verb}("))
}

/// A post that may be there still, called away, is read on by everybody but its author; one that may have
/// been changed, called unchanged, is changed no more.
#[test]
fn no_change_that_may_have_failed_is_called_done() {
    let changing: Vec<String> = platforms().into_iter().filter(|p| does(p, "amend")).collect();
    assert!(changing.len() >= 7, "{changing:?}");
    for platform in changing {
        let adapter = Case { platform: &platform, value: &json!({}) }.adapter();
        for change in [Change::Update, Change::Retract] {
            let steps = cases(&platform, "amend");
            let of = |case: &&Value| case["change"] == json!(change);
            let steps: Vec<&Value> = steps.iter().filter(of).collect();
            let shows = |word: &str| steps.iter().any(|case| !case["expect"][word].is_null());
            assert!(shows("ready"), "{platform}: no {} that is made", change.word());
            for status in [0, 408, 425, 500, 502, 503, 504, 520] {
                let answer = Response { status, body: b"{}".to_vec(), ..Response::default() };
                let effect = adapter.amended(change, &answer);
                assert!(
                    matches!(effect, Effect::Not(Outcome::Unknown { .. })),
                    "{platform}: {status} to {} is {effect:?}",
                    change.word()
                );
            }
            for (status, body) in [(404, "{}"), (410, "{}"), (403, "{}"), (200, "<html>")] {
                let body = body.as_bytes().to_vec();
                let answer = Response { status, body, ..Response::default() };
                let effect = adapter.amended(change, &answer);
                assert_ne!(effect, Effect::Done, "{platform}: {status} to {}", change.word());
            }
        }
    }
}

#[test]
fn every_kind_of_answer_is_judged_on_every_platform() {
    for platform in platforms() {
        let cases = cases(&platform, "judge");
        let answers: Vec<Response> = cases.iter().map(|case| response(&case["response"])).collect();
        for status in [200, 401, 403, 422, 429, 500, 503] {
            assert!(answers.iter().any(|a| a.status == status), "{platform}: no {status}");
        }
        let ok = |test: fn(&Response) -> bool| answers.iter().any(|a| a.status == 200 && test(a));
        assert!(ok(|a| a.body.is_empty()), "{platform}: no empty 200");
        assert!(ok(|a| a.body.starts_with(b"<")), "{platform}: no page of HTML");
        assert!(ok(|a| a.body.starts_with(b"{") && a.json().is_null()), "{platform}: none garbled");
        let outcome = |case: &Value| case["expect"]["outcome"].as_str().unwrap().to_owned();
        for (case, answer) in cases.iter().zip(&answers) {
            assert!(case["says"].is_string(), "{platform}: a case without a sentence");
            // Whatever an adapter narrows, these must never be taken for a refusal.
            if answer.status >= 500 || [408, 425].contains(&answer.status) {
                assert_eq!(outcome(case), "unknown", "{platform}: {case}");
            }
        }
    }
}

#[test]
fn a_doubt_is_never_called_absent_by_an_answer_that_proves_nothing() {
    for platform in platforms() {
        let cases = cases(&platform, "ask");
        if cases.iter().all(|case| case["expect"] == "cannot") {
            continue;
        }
        for shown in ["there", "unsure"] {
            let seen = cases.iter().any(|case| !case["expect"][shown].is_null());
            assert!(seen, "{platform}: no case that is {shown}");
        }
        assert!(cases.iter().any(|case| case["expect"] == "absent"), "{platform}: none absent");
        for (status, body) in [(200, ""), (200, "<html>"), (200, "{\"a\":"), (401, "{}"), (503, "")]
        {
            let mut case = cases[0].clone();
            case["answers"] = json!([{ "status": status, "body": body }]);
            let said = Case { platform: &platform, value: &case }.run("ask");
            assert!(said["unsure"].is_string(), "{platform}: {status} {body:?} gives {said}");
        }
    }
}

fn cases(platform: &str, kind: &str) -> Vec<Value> {
    let file = golden().join(platform).join(format!("{kind}.json"));
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// One case: what it names is taken from it, the rest is the same everywhere.
struct Case<'a> {
    platform: &'a str,
    value: &'a Value,
}

impl Case<'_> {
    fn run(&self, kind: &str) -> Value {
        run(&*self.adapter(), &group(&self.value["group"]), self.value, kind)
    }

    fn adapter(&self) -> Arc<dyn Adapter> {
        let options = &self.value["integration"];
        let secret = |value: &str| Secret {
            source: SecretSource::Env("SECRET".to_owned()),
            value: SecretString::from(value.to_owned()),
        };
        let platform = match self.platform {
            "webhook" => Platform::Webhook {
                secret: options["secret"].as_str().map(secret),
                receiver_dedupes: options["receiver_dedupes"] == true,
            },
            "mastodon" => Platform::Mastodon { token: secret("token") },
            "wordpress" => {
                Platform::WordPress { user: "blog".to_owned(), password: secret("password") }
            }
            "threads" => Platform::Threads { token: secret("token") },
            "ghost" => Platform::Ghost { token: secret("6489c1:00ff10") },
            "discord_webhook" => Platform::DiscordWebhook {
                address: secret("https://discord.com/api/webhooks/9/s3cret-half-of-the-address"),
                user: options["user"].as_str().map(str::to_owned),
            },
            "ping" => Platform::Ping {
                kind: match options["kind"].as_str() {
                    Some("webmention") => PingKind::Webmention,
                    Some("indexnow") => PingKind::IndexNow { key: secret("0123456789abcdef") },
                    _ => PingKind::WebSub,
                },
            },
            "discord" => Platform::Discord { token: secret("token") },
            "bluesky" => Platform::Bluesky {
                identifier: "blog.example".to_owned(),
                password: secret("password"),
            },
            "matrix" if options["token"] == true => {
                Platform::Matrix { login: MatrixLogin::Token(secret("token")) }
            }
            "matrix" => Platform::Matrix {
                login: MatrixLogin::Password {
                    user: "bot".to_owned(),
                    password: secret("password"),
                },
            },
            other => panic!("teach this test to build the adapter {other}"),
        };
        registry::build(&Integration {
            name: "main".to_owned(),
            url: "https://server.example".parse().unwrap(),
            platform,
            pace: Pace { every: Duration::from_secs(1), burst: 1 },
            caps: Caps { per_10m: 1, per_hour: 1, per_day: 1 },
            timeout: Duration::from_secs(60),
            doubt_after: Duration::from_secs(60),
            expires: None,
        })
    }
}

/// What an adapter says to a case.
pub(super) fn run(adapter: &dyn Adapter, group: &Group, value: &Value, kind: &str) -> Value {
    let known = known(&value["known"]);
    let entry = entry(&value["entry"]);
    let entry_id = EntryId::from_fingerprint(&Fingerprint::of("golden", &["entry"]));
    let key = IdempotencyKey::of(&entry_id, &group.name, 1);
    let now = Time::from_millis(OPENED).plus(Duration::from_secs(600));
    let piece = Piece {
        entry: &entry,
        entry_id,
        group,
        key: &key,
        opened: Time::from_millis(OPENED),
        number: 7,
        now,
    };
    let answers: Vec<Response> =
        value["answers"].as_array().into_iter().flatten().map(response).collect();
    match kind {
        "prepare" => prepared(adapter.prepare(&known, &answers, group, now)),
        "judge" => json!(adapter.judge(&response(&value["response"]))),
        "publish" => publish(adapter, &piece, &known),
        "amended" => {
            let change = serde_json::from_value(value["change"].clone()).unwrap();
            json!(adapter.amended(change, &response(&value["response"])))
        }
        "amend" => {
            let change = serde_json::from_value(value["change"].clone()).unwrap();
            let post = adapter.compose(&piece, &known).unwrap();
            let post = Some(&post).filter(|_| change == Change::Update);
            let reference = serde_json::from_value(value["reference"].clone()).unwrap();
            let deed = Deed { piece, change, reference: &reference, post };
            amending(adapter.amend(&deed, &known, &answers))
        }
        "stage" => {
            let post = adapter.compose(&piece, &known).unwrap();
            staged(adapter.stage(&post, &piece, &known, &answers))
        }
        _ => {
            let post = adapter.compose(&piece, &known).unwrap();
            let request = match &value["request"] {
                Value::Null => adapter.request(&post, &piece, &known).unwrap(),
                stored => serde_json::from_value(stored.clone()).unwrap(),
            };
            let first_sent = Time::from_millis(OPENED).plus(Duration::from_secs(60));
            let alone = value["alone"].as_bool().unwrap_or(true);
            let doubt = Doubt { piece, request: &request, first_sent, alone };
            asked(adapter.ask(&doubt, &known, &answers))
        }
    }
}

fn publish(adapter: &dyn Adapter, piece: &Piece<'_>, known: &Known) -> Value {
    let post = match adapter.compose(piece, known) {
        Ok(post) => post,
        Err(unfit) => return json!({ "unfit": unfit.0 }),
    };
    let request = match adapter.request(&post, piece, known) {
        Ok(request) => request,
        Err(unfit) => return json!({ "post": post, "unfit": unfit.0 }),
    };
    let secrets = adapter.authorise(&request, piece.key, known, piece.now).unwrap();
    json!({
        "guarantee": adapter.guarantee(known),
        "post": post,
        "request": shown(&request),
        "secret_headers": headers_shown(&secrets.headers),
    })
}

fn prepared(step: Prepare) -> Value {
    match step {
        Prepare::Ready(known) => {
            let secrets: BTreeMap<_, _> =
                known.secrets.iter().map(|(name, v)| (name, v.expose_secret())).collect();
            json!({ "ready": {
                "facts": known.facts,
                "secrets": secrets,
                "learnt": known.learnt,
            }})
        }
        Prepare::Call(call) => json!({ "call": call_shown(&call) }),
        Prepare::Denied(why) => json!({ "denied": why }),
        Prepare::Later { wait, reason } => {
            json!({ "later": { "wait": wait.map(|w| w.as_secs()), "reason": reason } })
        }
    }
}

fn staged(step: Stage) -> Value {
    match step {
        Stage::Ready { request, notes } => {
            json!({ "ready": { "request": shown(&request), "notes": notes } })
        }
        Stage::Call(call) => json!({ "call": call_shown(&call) }),
        Stage::Later { wait, cause, reason } => {
            json!({ "later": { "wait": wait.map(|w| w.as_secs()), "cause": cause, "reason": reason } })
        }
        Stage::Unfit(why) => json!({ "unfit": why.0 }),
        Stage::Fetch { url, max } => json!({ "fetch": { "url": url, "max": max } }),
    }
}

fn amending(step: Amending) -> Value {
    match step {
        Amending::Cannot(why) => json!({ "cannot": why }),
        Amending::Call(call) => json!({ "call": call_shown(&call) }),
        Amending::Ready(request) => json!({ "ready": shown(&request) }),
        Amending::Same => json!("same"),
        Amending::Gone(why) => json!({ "gone": why }),
        Amending::Later { wait, cause, reason } => {
            json!({ "later": { "wait": wait.map(|w| w.as_secs()), "cause": cause, "reason": reason } })
        }
    }
}

fn asked(step: Ask) -> Value {
    match step {
        Ask::Cannot => json!("cannot"),
        Ask::Call(call) => json!({ "call": call_shown(&call) }),
        Ask::Answer(Found::There(reference)) => json!({ "there": reference }),
        Ask::Answer(Found::Absent) => json!("absent"),
        Ask::Answer(Found::Unsure(why)) => json!({ "unsure": why }),
    }
}

/// A request with its body as JSON, so that a case can be read.
fn shown(request: &Request) -> Value {
    let mut value = json!(request);
    if let Ok(body) = serde_json::from_str::<Value>(&request.body) {
        value["body"] = body;
    }
    value
}

fn call_shown(call: &Call) -> Value {
    let secret_body: Option<Value> =
        call.secret_body.as_ref().map(|b| serde_json::from_str(b.expose_secret()).unwrap());
    let mut shown = json!({
        "request": shown(&call.request),
        "secret_headers": headers_shown(&call.secrets.headers),
        "secret_body": secret_body,
    });
    if let Some(bytes) = &call.bytes {
        shown["bytes"] = json!(String::from_utf8_lossy(bytes));
    }
    shown
}

fn headers_shown(headers: &[(String, SecretString)]) -> Value {
    headers.iter().map(|(name, value)| json!([name, value.expose_secret()])).collect()
}

fn entry(value: &Value) -> Entry {
    if value.is_null() {
        return entry(&json!({
            "guid": "https://blog.example/?p=1",
            "link": "https://blog.example/hello?a=1&b=2",
            "title": "Hello & <world>",
            "summary": "<p>First <b>post</b>.</p>",
            "content": "<p>First post. With more words.</p>",
            "categories": ["open source", "rust"],
            "author": "Ann",
            "language": "en-GB",
            "published": OPENED,
        }));
    }
    serde_json::from_value(value.clone()).unwrap()
}

fn group(value: &Value) -> Group {
    let field = |name: &str| value[name].as_str().map(str::to_owned);
    Group {
        name: field("name").unwrap_or_else(|| "readers".to_owned()),
        integration: "main".to_owned(),
        feeds: vec!["blog".to_owned()],
        template: field("template"),
        room: field("room").or_else(|| Some("#blog:server.example".to_owned())),
        visibility: field("visibility"),
        link: value["link"].as_str().map(|link| link.parse().unwrap()),
        language: field("language"),
        when_absent: oncecast::model::WhenAbsent::Wait,
        ..Group::default()
    }
}

fn known(value: &Value) -> Known {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let pairs = |name: &str| value[name].as_object().cloned().unwrap_or_default();
    Known {
        facts: pairs("facts").into_iter().map(|(name, v)| (name, text(&v))).collect(),
        secrets: pairs("secrets").into_iter().map(|(name, v)| (name, text(&v).into())).collect(),
        learnt: value["learnt"].as_u64().map(Time::from_millis),
    }
}

/// An answer; a body that is no string is written as JSON.
fn response(value: &Value) -> Response {
    let body = match &value["body"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        json => json.to_string(),
    };
    let headers = value["headers"].as_object().cloned().unwrap_or_default();
    Response {
        status: value["status"].as_u64().unwrap().try_into().unwrap(),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name, value.as_str().unwrap().to_owned()))
            .collect(),
        body: body.into_bytes(),
        whole: true,
    }
}
