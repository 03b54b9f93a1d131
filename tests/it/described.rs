//! The platforms that are data: every shipped description keeps what it declares, every request that it makes
//! and every answer that it reads stands in `tests/golden/described/`, and a description that promises more
//! than it can keep is an error before the first post.
//!
//! `ONCECAST_BLESS=1 cargo test --test it described` writes what is said now in place of what is expected.

use std::path::{Path, PathBuf};

use oncecast::adapter::registry;
use oncecast::config::describe::Description;
use oncecast::config::{Config, Group, Integration, Secrets};
use oncecast::model::{Change, Effect, Outcome, Response};
use serde_json::{Value, json};

use super::adapters::run;

/// What every secret of these cases is.
const SECRET: &str = "s3cret:of-the/golden&cases";
/// What a case writes for the key of its delivery.
const KEY: &str = "\"KEY\"";

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/described")
}

fn config(folder: &Path, integration: &str, group: &str) -> Result<Config, String> {
    let text = format!(
        "[[feed]]\nname = \"blog\"\nurl = \"https://blog.example/feed\"\n{integration}{group}"
    );
    let secret = if text.contains("slack-webhook") {
        "https://hooks.slack.com/services/T0/B0/s3cret"
    } else if text.contains("google-chat") {
        "https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=s3cret"
    } else {
        SECRET
    };
    let env = |name: &str| (name == "SECRET").then(|| secret.into());
    Config::parse(&text, &folder.join("oncecast.toml"), Secrets::Resolve, &env)
        .map_err(|error| error.to_string())
}

fn parts(config: &Config) -> (&Integration, &Group) {
    (&config.integrations[0], &config.groups[0])
}

/// Readers saw what an API was told, and what was made of its answers: none of it may change unseen.
#[test]
fn no_reader_hears_anything_that_was_not_meant() {
    let bless = std::env::var_os("ONCECAST_BLESS").is_some();
    let mut wrong = Vec::new();
    let mut seen = Vec::new();
    for file in std::fs::read_dir(golden()).unwrap().map(|file| file.unwrap().path()) {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut cases: Value =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let text = |part: &str| cases[part].as_str().unwrap().to_owned();
        let config = config(&golden(), &text("integration"), &text("group")).unwrap();
        let (integration, group) = parts(&config);
        registry::check(integration, group).unwrap_or_else(|why| panic!("{name}: {why}"));
        let adapter = registry::build(integration);
        for kind in ["prepare", "publish", "judge", "ask", "amend", "amended"] {
            // What is changed nowhere has no cases of it.
            for case in cases[kind].as_array_mut().into_iter().flatten() {
                let said = said(&*adapter, group, case, kind);
                assert_laws(&name, kind, case, &said);
                if bless {
                    case["expect"] = said;
                } else if case["expect"] != said {
                    let (says, expected) = (&case["says"], &case["expect"]);
                    wrong.push(format!(
                        "{name}/{kind}: {says}\n  expected {expected}\n  but it is {said}"
                    ));
                }
            }
        }
        for change in [Change::Update, Change::Retract] {
            let has = |kind: &str| {
                let cases = cases[kind].as_array();
                cases.is_some_and(|cases| cases.iter().any(|case| case["change"] == json!(change)))
            };
            if amends(&*adapter, group, change) {
                assert!(has("amend") && has("amended"), "{name}: no cases to {}", change.word());
                assert_changes(&name, &*adapter, change);
            }
        }
        if bless {
            std::fs::write(&file, serde_json::to_string_pretty(&cases).unwrap() + "\n").unwrap();
        }
        seen.push(name);
    }
    for kind in Description::kinds() {
        assert!(
            seen.iter().any(|name| name == kind),
            "{kind} has no cases in {}",
            golden().display()
        );
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Whether a description changes posts.
fn amends(adapter: &dyn oncecast::adapter::Adapter, group: &Group, change: Change) -> bool {
    let case =
        json!({ "change": change, "reference": { "id": "1", "url": "https://a.example/1" } });
    run(adapter, group, &case, "amend")["cannot"].is_null()
}

/// What may have changed a post, or have failed to, must never be called done or refused.
fn assert_changes(name: &str, adapter: &dyn oncecast::adapter::Adapter, change: Change) {
    for status in [0, 408, 425, 500, 502, 503, 504, 520] {
        let answer = Response { status, body: b"{}".to_vec(), whole: true, ..Response::default() };
        let effect = adapter.amended(change, &answer);
        let is_unknown = matches!(effect, Effect::Not(Outcome::Unknown { .. }));
        assert!(is_unknown, "{name}: {status} to {} is {effect:?}", change.word());
    }
    let page = Response { status: 200, body: b"<html>".to_vec(), ..Response::default() };
    assert_ne!(adapter.amended(change, &page), Effect::Done, "{name}: a page of HTML");
}

/// What an adapter says to a case, in which the key of its delivery may be meant.
fn said(
    adapter: &dyn oncecast::adapter::Adapter,
    group: &Group,
    case: &Value,
    kind: &str,
) -> Value {
    let id = oncecast::model::EntryId::from_fingerprint(&oncecast::model::Fingerprint::of(
        "golden",
        &["entry"],
    ));
    let key = oncecast::model::IdempotencyKey::of(&id, &group.name, 1);
    let case = case.to_string().replace(KEY, &format!("{:?}", key.as_str()));
    run(adapter, group, &serde_json::from_str(&case).unwrap(), kind)
}

/// What no description may say.
fn assert_laws(name: &str, kind: &str, case: &Value, said: &Value) {
    let told = format!("{name}/{kind}, {}: {said}", case["says"]);
    let status = |value: &Value| value["status"].as_u64().unwrap_or_default();
    let from_proxy = |status: u64| status >= 500 || [408, 425].contains(&status);
    match kind {
        // A proxy says these when the post is long there.
        "judge" if from_proxy(status(&case["response"])) => {
            assert_eq!(said["outcome"], "unknown", "{told}");
        }
        "publish" if said["request"].is_object() => {
            let request = said["request"].to_string();
            assert!(!request.contains("s3cret"), "a secret would be kept: {told}");
            assert!(
                !request.contains("@everyone") || !request.contains("\"text\":\"@everyone"),
                "{told}"
            );
            assert!(
                !name.starts_with("slack") || !request.contains("<!channel>"),
                "a channel would be called: {told}"
            );
            // Where an @ calls nobody it stays.
            let silent = ["resend", "custom-ntfy", "custom-micropub"].contains(&name);
            assert!(silent || !request.contains("@**all"), "everybody would be called: {told}");
        }
        "ask" if case["answers"][0].is_object() => {
            let answer = &case["answers"][0];
            let unreadable = [json!(""), json!("<html>"), json!("{\"a\":"), Value::Null];
            if unreadable.contains(&answer["body"]) && status(answer) == 200
                || [401, 503].contains(&status(answer))
            {
                // A list of lines without a line has no body, and says by its kind that it is one.
                let list = answer["headers"]["content-type"].is_string();
                assert!(said["unsure"].is_string() || list, "{told}");
            }
        }
        _ => {}
    }
}

/// A promise that the request cannot carry would be believed until the first answer that is lost.
#[test]
fn a_description_that_promises_more_than_it_can_keep_is_refused() {
    let good = "guarantee = \"verifiable\"\nsecrets = { token = \"a token\" }\nroom = \"a room\"\n\
        headers = { authorization = \"Bearer {{ token }}\" }\n\
        [publish]\nanswers = [{ status = [200], means = \"published\" }, { status = [400], means = \"refused\" }]\n\
        [publish.call]\npath = \"/{{ room }}\"\nheaders = { key = \"{{ key }}\" }\n\
        json = { text = \"{{ text }}\" }\n\
        [find]\nlist = \"/posts\"\nlink = [\"/url\"]\nmade = { at = \"/at\", unit = \"s\" }\n\
        [find.call]\npath = \"/posts\"\n";
    assert_eq!(checked(good), Ok(()));
    let keyed = good.replace("\"verifiable\"", "\"keyed\"\nwindow = \"1h\"");
    assert_eq!(checked(&keyed), Ok(()));
    let unkeyed = "headers = { key = \"{{ key }}\" }\n";
    let without_find = good.split("[find]").next().unwrap();
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    for (bad, expected) in [
        (keyed.replace(unkeyed, ""), "the request carries {{ key }}"),
        (keyed.replace("window = \"1h\"\n", ""), "keyed needs a window"),
        (keyed.replace("\"1h\"", "\"90d\""), "longer than 31 days"),
        (keyed.replace("\"1h\"", "\"an hour\""), "line 2: \"an hour\" is not a duration"),
        (with("\"verifiable\"", "\"verifiable\"\nwindow = \"1h\""), "only keyed has a window"),
        (with("\"verifiable\"", "\"derived-id\""), "in the path or the body"),
        (without_find.to_owned(), "there is no [find]"),
        (with("\"verifiable\"", "\"content-dedup\""), "no answer means \"duplicate\""),
        (with("\"verifiable\"", "\"blind\""), "declare verifiable"),
        (with("\"verifiable\"", "\"exactly-once\""), "line 1: unknown variant `exactly-once`"),
        (with("{ status = [200], means = \"published\" }, ", ""), "none means published"),
        (with("status = [400]", "status = [400, 502]"), "502 can come from a proxy"),
        (with("status = [400], means", "means"), "fits every answer"),
        (with("[400], means = \"refused\"", "[400]"), "does not say what it means"),
        (
            with("[400], means = \"refused\"", "[400], means = \"published\""),
            "an error cannot mean published",
        ),
        (with("status = [400]", "status = [4000]"), "4000 is no status"),
        (with("\"{{ text }}\"", "\"{{ txt }}\""), "publish.call: {{ txt }} stands for nothing"),
        (with("\"{{ text }}\"", "\"hello\""), "says nothing of the entry"),
        (with("key = \"{{ key }}\"", "key = \"{{ token }}\""), "a secret in it would be kept"),
        (with("json = {", "body = \"x\"\njson = {"), "more than one of json, form and body"),
        (with("path = \"/{{ room }}\"", "path = \"{{ room }}\""), "begins with a /"),
        (
            with("path = \"/{{ room }}\"", "path = \"/\"\nmethod = \"GET\""),
            "a GET publishes nothing",
        ),
        (with("list = \"/posts\"", "list = \"posts\""), "no JSON pointer"),
        (with("link = [\"/url\"]\n", ""), "find says no post"),
        (
            with("made = { at = \"/at\", unit = \"s\" }\n", ""),
            "can never say that a post is absent",
        ),
        (with("path = \"/posts\"", "path = \"/posts/{{ sinse }}\""), "find.call: undefined value"),
        (with("token = \"a token\"", "api = \"a token\""), "asks for a secret \"api\""),
        (with("room = \"a room\"", "rom = \"a room\""), "unknown field `rom`"),
        (with("[publish]", "[publsh]"), "missing field `answers`"),
        (
            with("[publish]", "[retract]\ncall = { path = \"/posts\" }\n[publish]"),
            "retract.call does not name the post",
        ),
        (
            with(
                "[publish]",
                "[update]\nanswers = [{ status = [502], means = \"gone\" }]\n\
                 call = { path = \"/posts/{{ id }}\" }\n[publish]",
            ),
            "can come from a proxy",
        ),
        (
            with(
                "[publish]",
                "[update]\ncall = { method = \"GET\", path = \"/{{ id }}\" }\n[publish]",
            ),
            "changes nothing",
        ),
        (
            with("authorization = ", "authorization = \"{{ user }}\", x = "),
            "undefined value: `user`",
        ),
    ] {
        let told = checked(&bad).expect_err(expected);
        assert!(told.contains(expected), "expected {expected:?}, told {told}\n{bad}");
        assert!(!told.contains(SECRET), "{told}");
    }
}

/// A post that is cut by the platform ends within a word, or within its link.
#[test]
fn every_text_fits_with_its_link_however_much_of_it_is_escaped() {
    for file in std::fs::read_dir(golden()).unwrap().map(|file| file.unwrap().path()) {
        let cases: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let part = |part: &str| cases[part].as_str().unwrap().to_owned();
        let group = part("group") + "template = \"{{ text }}\\n\\n{{ link }}\"\n";
        let config = config(&golden(), &part("integration"), &group).unwrap();
        let (integration, group) = parts(&config);
        let adapter = registry::build(integration);
        for word in ["&lt;&amp;_*#@(", "\u{1f600}\u{1f468}\u{200d}\u{1f469}", "word ", "\u{65e5}"] {
            let content = word.repeat(60_000 / word.len());
            let link = "https://blog.example/a_b?c=1&d=2";
            let entry = json!({ "title": "A title", "link": link, "content": content });
            let known = &cases["publish"][0]["known"];
            let said = run(&*adapter, group, &json!({ "entry": entry, "known": known }), "publish");
            let told = format!("{}, {word:?}: {}", file.display(), said["unfit"]);
            let (length, limit) = (said["post"]["length"].as_u64(), said["post"]["limit"].as_u64());
            assert!(length.is_some() && length <= limit, "{told}");
            assert!(
                length >= limit.map(|limit| (limit / 4).min(10_000)),
                "{told}: {length:?} of {limit:?}"
            );
            assert!(said["post"]["text"].as_str().unwrap().ends_with(link), "{told}");
            assert!(said["request"].is_object(), "{told}");
        }
    }
}

fn checked(description: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("api.toml"), description).unwrap();
    let config = config(
        folder.path(),
        "[[integration]]\nname = \"api\"\nkind = \"custom\"\ndescribe = \"api.toml\"\n\
         url = \"https://api.example\"\ntoken = { env = \"SECRET\" }\n",
        "[[group]]\nname = \"readers\"\nintegration = \"api\"\nroom = \"a/b\"\n",
    )?;
    let (integration, group) = parts(&config);
    registry::check(integration, group)
}

/// What an operator leaves out is told with what it is, in the words of the platform.
#[test]
fn what_a_platform_wants_to_know_is_asked_for_by_the_config() {
    let told = |integration: &str, group: &str| {
        let integration = format!("[[integration]]\nname = \"main\"\n{integration}\n");
        let group = format!("[[group]]\nname = \"readers\"\nintegration = \"main\"\n{group}\n");
        config(Path::new("/etc/oncecast"), &integration, &group).expect_err("it is wrong")
    };
    let token = "token = { env = \"SECRET\" }";
    for (integration, group, expected) in [
        (
            format!("kind = \"slack\"\n{token}"),
            "",
            "room of [[group]] \"readers\": the key is missing",
        ),
        (format!("kind = \"slack\"\n{token}"), "", "C0123456789"),
        ("kind = \"slack\"".to_owned(), "room = \"C1\"", "token of [[integration]]"),
        (format!("kind = \"slack\"\n{token}\nuser = \"x\""), "room = \"C1\"", "user"),
        (
            format!("kind = \"resend\"\n{token}"),
            "set = { from = \"a@b.example\" }",
            "to is not set",
        ),
        (
            format!("kind = \"resend\"\n{token}\nset = {{ form = \"a\" }}"),
            "set = { to = \"x\" }",
            "did you mean from?",
        ),
        (format!("kind = \"linkedin-member\"\n{token}"), "", "terms = \"accepted\""),
        (
            format!("kind = \"linkedin-member\"\n{token}\nset = {{ terms = \"yes\" }}"),
            "",
            "none of what it may be",
        ),
        (
            format!("kind = \"telegram\"\n{token}"),
            "room = \"@a\"\nwhen_absent = \"send\"",
            "cannot be asked",
        ),
        (
            format!("kind = \"discourse\"\nurl = \"https://a.example\"\nuser = \"a\"\n{token}"),
            "room = \"1\"\non_edit = \"update\"",
            "no way to change a post on discourse",
        ),
        (
            format!("kind = \"telegram\"\n{token}"),
            "room = \"@a\"\npreflight = true",
            "does not show what others have posted",
        ),
        (
            "kind = \"webhook\"\nurl = \"https://a.example\"".to_owned(),
            "on_delete = \"retract\"",
            "no way to take away a post on webhook",
        ),
        (format!("kind = \"lemmy\"\n{token}"), "room = \"1\"", "url of [[integration]]"),
        (format!("kind = \"custom\"\nurl = \"https://a.example\"\n{token}"), "", "describe"),
        (
            format!(
                "kind = \"custom\"\ndescribe = \"none.toml\"\nurl = \"https://a.example\"\n{token}"
            ),
            "",
            "failed to read",
        ),
        (
            format!("kind = \"mastodon\"\nurl = \"https://a.example\"\n{token}"),
            "set = { a = \"b\" }",
            "has no set",
        ),
    ] {
        let told = told(&integration, group);
        assert!(told.contains(expected), "expected {expected:?}\n{told}");
    }
}
