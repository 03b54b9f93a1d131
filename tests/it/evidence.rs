//! The record of what was posted, at the real binary: it can be checked without us, it holds no secret,
//! and whatever comes back from a copy of it is never sent again.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use oncecast::desk::verb::{Answer, Verb};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::until;

const SECRET: &str = "whsec_dGhpcyBpcyBhIHNlY3JldCBvZiAzMiBieXRlcyBvciBzbw==";

/// Two groups: one takes everything, one loses its answers.
pub(super) async fn scene() -> (Daemon, Receiver, Receiver) {
    let good = Receiver::open(Manner::Answers(201)).await;
    let lossy = Receiver::open(Manner::Drops).await;
    let mut daemon = Daemon::with(&config(&good, &lossy));
    daemon.set("HOOK_SECRET", SECRET);
    feed(&daemon, &["Old"]);
    (daemon, good, lossy)
}

pub(super) fn config(good: &Receiver, lossy: &Receiver) -> String {
    let mut text = "[guard]\nsettle = \"0s\"\nburst = 100\nshare = 1.0\n\
         [[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\nevery = \"1s\"\n"
        .to_owned();
    for (name, url) in [("good", &good.url), ("lossy", &lossy.url)] {
        text += &format!(
            "[[integration]]\nname = {name:?}\nkind = \"webhook\"\nurl = {url:?}\n\
             secret = {{ env = \"HOOK_SECRET\" }}\n\
             pace = {{ every = \"0s\", burst = 1 }}\n\
             caps = {{ per_10m = 900, per_hour = 900, per_day = 900 }}\n\
             [[group]]\nname = {name:?}\nintegration = {name:?}\n"
        );
    }
    text
}

pub(super) fn feed(daemon: &Daemon, titles: &[&str]) {
    let item = |(n, t): (usize, &&str)| {
        // Escaped twice: a title is HTML, and stands in XML.
        let title = t.replace('&', "&amp;amp;").replace('<', "&amp;lt;");
        format!("<item><title>{title}</title><link>http://blog.example/{n}</link></item>")
    };
    let items: String = titles.iter().enumerate().map(item).collect();
    let text = format!("<rss version=\"2.0\"><channel><title>b</title>{items}</channel></rss>");
    let fresh = daemon.path("feed.new");
    std::fs::write(&fresh, text).expect("written");
    std::fs::rename(fresh, daemon.path("feed.xml")).expect("renamed");
}

/// A command with this config: exit code, standard output, standard error.
pub(super) async fn said(daemon: &Daemon, arguments: &[&str]) -> (i32, String, String) {
    let output = daemon.command(arguments).output().await.expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// The same where it must end well.
pub(super) async fn done(daemon: &Daemon, arguments: &[&str]) -> String {
    let (code, out, error) = said(daemon, arguments).await;
    assert_eq!(code, 0, "{arguments:?}: {out}{error}");
    out
}

pub(super) async fn settled(daemon: &Daemon, posts: u64) {
    until("every post to be posted or in doubt", async || {
        daemon.count("good", "published").await == posts
            && daemon.count("lossy", "in_doubt").await == posts
    })
    .await;
}

/// The scene with these posts sent, and the daemon running.
pub(super) async fn sent(titles: &[&str]) -> (Daemon, Receiver, Receiver) {
    let (mut daemon, good, lossy) = scene().await;
    daemon.start().await;
    daemon.baseline("blog").await;
    feed(&daemon, &[&["Old"], titles].concat());
    settled(&daemon, titles.len() as u64).await;
    (daemon, good, lossy)
}

pub(super) fn path(text: &Path) -> &str {
    text.to_str().expect("text")
}

pub(super) fn records(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Makes the chain of evidence anew, from the recipe in the documentation and with none of our code;
/// gives its head.
fn head_of(records: &[Value]) -> String {
    let mut head = Vec::new();
    for record in records {
        match record["type"].as_str().expect("a type") {
            "header" => {
                let id = record["ledger"].as_str().expect("an id");
                let id = data_encoding::HEXLOWER.decode(id.as_bytes()).expect("hexadecimal");
                head = Sha256::digest([b"oncecast/journal/1".as_slice(), &id].concat()).to_vec();
            }
            "journal" => {
                let line = record["line"].as_str().expect("a line").as_bytes();
                let number = record["number"].as_u64().expect("a number").to_be_bytes();
                let sum = crc32fast::hash(&[&[1], &number[..], line].concat()).to_be_bytes();
                let row = [&[1], &sum[..], line].concat();
                let length = (row.len() as u64).to_be_bytes();
                head = Sha256::digest([&head[..], &length, &row].concat()).to_vec();
                assert_eq!(record["hash"], data_encoding::HEXLOWER.encode(&head));
            }
            _ => {}
        }
    }
    data_encoding::HEXLOWER.encode(&head)
}

/// Status by title and group.
pub(super) fn statuses(records: &[Value]) -> BTreeMap<(String, String), String> {
    let of = |kind: &str| {
        let kind = kind.to_owned();
        records.iter().filter(move |r| r["type"] == kind)
    };
    let titles: BTreeMap<u64, &str> = of("entry")
        .map(|e| (e["number"].as_u64().expect("n"), e["entry"]["title"].as_str().expect("t")))
        .collect();
    let word = |v: &Value| v.as_str().expect("text").to_owned();
    of("delivery")
        .map(|d| {
            let title = titles[&d["entry"].as_u64().expect("a number")].to_owned();
            ((title, word(&d["group"])), word(&d["status"]))
        })
        .collect()
}

/// Accused of flooding, an account owner hands out the record: whoever doubts them checks it alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_can_check_the_record_without_us() {
    let (daemon, _good, _lossy) = sent(&["One", "Two"]).await;
    let text = done(&daemon, &["ledger", "export"]).await;
    let all = records(&text);
    assert_eq!(all[0]["head"], head_of(&all), "the head is the end of the chain");
    assert_eq!((&all[0]["schema"], &all[0]["whole"]), (&1.into(), &true.into()));
    let last = all.last().expect("a last line");
    let end = text.trim_end().rfind('\n').expect("lines") + 1;
    let sum = Sha256::digest(&text.as_bytes()[..end]);
    assert_eq!(last["sha256"], data_encoding::HEXLOWER.encode(&sum));
    let is = |title: &str, group: &str| statuses(&all)[&(title.into(), group.into())].clone();
    assert_eq!((is("One", "good"), is("Two", "lossy")), ("published".into(), "in_doubt".into()));
    assert_eq!(is("Old", "good"), "baseline");
    let lines = text.matches("\\\"event\\\":\\\"published\\\"").count();
    assert_eq!(lines, 2);
    assert!(text.contains("\\\"http\\\":201"), "the answer's status is evidence");
    assert!(text.contains("sha256:"), "so is the request");
    assert!(!text.contains(SECRET) && !text.contains("webhook-signature"), "no secret");

    // The lines that the dossier tells people to run.
    let file = daemon.path("record.jsonl");
    done(&daemon, &["ledger", "export", "--output", path(&file)]).await;
    if let Some((code, words)) = check(&file).await {
        assert_eq!(code, 0, "{words}");
        assert!(words.contains("2 times a post reached a group, 0 of them more"), "{words}");
        let forged = std::fs::read_to_string(&file).expect("there").replace("Two", "Too");
        std::fs::write(&file, forged).expect("written");
        assert_ne!(check(&file).await.expect("python").0, 0, "a forged record passes");
    }
    assert_eq!(std::fs::read_dir(daemon.path("")).expect("a folder").filter(is_left).count(), 0);

    // One post alone: each line proves itself by the hash before it.
    let one =
        records(&done(&daemon, &["ledger", "export", "--entry", "http://blog.example/1"]).await);
    let of = |kind: &str| one.iter().filter(|r| r["type"] == kind).count();
    assert_eq!((of("entry"), of("delivery"), &one[0]["whole"]), (1, 2, &false.into()));
    assert!(one.iter().filter(|r| r["type"] == "journal").all(|r| r["before"].is_string()));
    assert_eq!(said(&daemon, &["ledger", "export", "--entry", "http://b.example/"]).await.0, 66);
}

/// Whether something was left that should have been taken away.
pub(super) fn is_left(item: &std::io::Result<std::fs::DirEntry>) -> bool {
    let name = item.as_ref().expect("readable").file_name().to_string_lossy().into_owned();
    name.ends_with(".copy") || name.ends_with(".partial")
}

/// Runs the lines of the dossier; `None` on a machine without Python.
async fn check(file: &Path) -> Option<(i32, String)> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/command/ledger/check.py");
    let mut command = tokio::process::Command::new("python3");
    command.arg(script).stdin(std::fs::File::open(file).expect("there"));
    let output = command.output().await.ok()?;
    let words = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    Some((output.status.code().unwrap_or(-1), words))
}

/// A moderator opens the page: what they read is true, and nothing of a feed runs on their screen.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_can_read_the_record_and_nothing_in_it_runs() {
    let (daemon, _good, _lossy) = sent(&["<script>alert(1)</script> & co", "Two"]).await;
    let file = daemon.path("record.html");
    let arguments = ["ledger", "export", "--format", "html", "--output", path(&file)];
    done(&daemon, &arguments).await;
    let page = std::fs::read_to_string(&file).expect("there");
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)"), "{page}");
    for part in [
        "2 posts for 2 groups: posted 2 times. <strong>No group was given the same post twice.",
        "<li>2 in doubt: ",
        "1 older post was there before oncecast was",
        "the platform answered 201",
        "In doubt: <bdi>Two</bdi> in <bdi>lossy</bdi>",
        "How to check it",
    ] {
        assert!(page.contains(part), "{part:?} is missing in:\n{page}");
    }
    let sources = ["src=", "@import", "url(", "<link", "<iframe", "onload"];
    assert!(sources.iter().all(|s| !page.contains(s)), "something comes from elsewhere");
    let head = &records(&done(&daemon, &["ledger", "export"]).await)[0]["head"];
    assert!(page.contains(head.as_str().expect("text")));

    // Nothing is written over, and nothing is half there.
    let (code, _, error) = said(&daemon, &arguments).await;
    assert_eq!(code, 4, "{error}");
    assert!(error.contains("nothing is written over"), "{error}");
    let nowhere = daemon.path("none/record.html");
    let (code, _, error) = said(&daemon, &["ledger", "export", "--output", path(&nowhere)]).await;
    assert_eq!((code, error.contains("make its folder first")), (66, true), "{error}");
    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let mut command = daemon.command(&["ledger", "export"]);
    let child = command.stdout(full).stderr(std::process::Stdio::piped()).spawn().expect("runs");
    let output = child.wait_with_output().await.expect("it ends");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), error.contains("make room")), (Some(1), true), "{error}");
}

/// A post repeated on purpose is told of, with its reason: the record hides nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_repeated_is_told_with_the_reason() {
    let (daemon, good, _lossy) = sent(&["One"]).await;
    let entry = "http://blog.example/1";
    let again = ["replay", entry, "--group", "good", "--again", "--reason", "it was <deleted>"];
    done(&daemon, &again).await;
    until("it to be sent again", async || good.requests() == 2).await;
    until("it to be settled", async || daemon.count("good", "published").await == 2).await;
    let page = done(&daemon, &["ledger", "export", "--format", "html"]).await;
    for part in [
        "twice, except 1 time by the hand of a person",
        "Sent again by hand: <bdi>One</bdi> in <bdi>good</bdi>, by uid ",
        "a person wants it again: it was &lt;deleted&gt;",
    ] {
        assert!(page.contains(part), "{part:?} is missing in:\n{page}");
    }
}

/// The disk is restored from last night's backup, and this morning's posts come round once more.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_sends_nothing_again() {
    let (mut daemon, good, lossy) = sent(&["One"]).await;
    let backup = daemon.path("night.redb");
    let words = done(&daemon, &["ledger", "backup", path(&backup)]).await;
    assert!(words.contains("verified"), "{words}");
    let mode = std::fs::metadata(&backup).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(said(&daemon, &["ledger", "backup", path(&backup)]).await.0, 4, "written over");
    feed(&daemon, &["Old", "One", "Two"]);
    settled(&daemon, 2).await;
    assert_eq!(daemon.end().await, Some(0));

    std::fs::copy(&backup, daemon.path("ledger.redb")).expect("restored");
    feed(&daemon, &["Old", "One", "Two", "Three"]);
    daemon.start().await;
    let status = daemon.status().await;
    assert_eq!(status["ledger"]["trust"]["mode"], "observes", "{status}");
    daemon.baseline("blog").await;
    assert_eq!((good.requests(), lossy.requests()), (2, 2), "it observes");
    assert_eq!(daemon.end().await, Some(0));
    done(&daemon, &["ledger", "adopt-restored"]).await;
    daemon.start().await;
    // What was new to the copy waits for a person: it may have gone out under another name.
    until("both posts to be held", async || daemon.count("good", "held").await == 2).await;
    done(&daemon, &["release", "--all"]).await;
    until("the new post to be sent", async || good.seen().contains_key("Three")).await;
    until("this morning's post to be in doubt", async || {
        daemon.count("good", "in_doubt").await == 1
    })
    .await;
    good.assert_once();
    lossy.assert_once();
    assert_eq!(daemon.end().await, Some(0));
    done(&daemon, &["ledger", "verify"]).await;
}

/// The machine is gone with all that stood beside the ledger: only the backup is left.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_without_its_witness_sends_nothing_again() {
    let (mut daemon, good, lossy) = sent(&["One"]).await;
    let backup = daemon.path("night.redb");
    assert_eq!(daemon.end().await, Some(0));
    done(&daemon, &["ledger", "backup", path(&backup)]).await;
    daemon.start().await;
    feed(&daemon, &["Old", "One", "Two"]);
    settled(&daemon, 2).await;

    let mut other = Daemon::with(&config(&good, &lossy));
    other.set("HOOK_SECRET", SECRET);
    std::fs::copy(&backup, other.path("ledger.redb")).expect("restored");
    feed(&other, &["Old", "One", "Two"]);
    other.start().await;
    other.baseline("blog").await;
    assert_eq!(other.status().await["ledger"]["trust"]["mode"], "observes");
    assert_eq!(other.end().await, Some(0));
    done(&other, &["ledger", "adopt-restored"]).await;
    // What it saw while it observed is in doubt, and what it sees first afterwards is remembered.
    feed(&other, &["Old", "One", "Two", "New"]);
    other.start().await;
    until("a doubt", async || other.count("good", "in_doubt").await == 1).await;
    until("the feed to be read", async || other.status().await["feeds"][0]["entries"] == 4).await;
    assert_eq!((good.requests(), lossy.requests()), (2, 2), "what was sent since the backup");
    feed(&other, &["Old", "One", "Two", "New", "Three"]);
    until("the next post to be sent", async || good.seen().contains_key("Three")).await;
    until("and once", async || other.count("good", "published").await == 2).await;
    assert_eq!(other.end().await, Some(0));
    good.assert_once();
    lossy.assert_once();
}

/// A move to another machine by way of an export: nobody hears anything twice, and nothing is forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_import_knows_is_never_sent() {
    let (mut daemon, good, lossy) = sent(&["One"]).await;
    daemon.ask(Verb::Pause { lane: Some("good".into()), reason: None }).await.expect("paused");
    feed(&daemon, &["Old", "One", "Two"]);
    until("a post to be owed", async || daemon.count("good", "due").await == 1).await;
    until("a post to be in doubt", async || daemon.count("lossy", "in_doubt").await == 2).await;
    assert_eq!(daemon.end().await, Some(0));
    let file = daemon.path("record.jsonl");
    done(&daemon, &["ledger", "export", "--output", path(&file)]).await;
    let before = records(&std::fs::read_to_string(&file).expect("there"));

    let mut other = Daemon::with(&config(&good, &lossy));
    other.set("HOOK_SECRET", SECRET);
    let words = done(&other, &["ledger", "import", path(&file)]).await;
    assert!(words.contains("3 posts and 6 deliveries") && words.contains("1 that"), "{words}");
    let after = records(&done(&other, &["ledger", "export"]).await);
    let mut expected = statuses(&before);
    let owed = expected.insert(("Two".into(), "good".into()), "in_doubt".into());
    assert_eq!(owed.as_deref(), Some("due"), "what was owed may have been sent since");
    assert_eq!(statuses(&after), expected);
    let first = after.iter().find(|r| r["type"] == "journal").expect("a line");
    let first = first["line"].as_str().expect("text");
    assert!(first.contains("\"event\":\"import\""), "{first}");
    assert!(first.contains(before[0]["head"].as_str().expect("a head")), "{first}");
    done(&other, &["ledger", "verify"]).await;
    let page = done(&other, &["ledger", "export", "--format", "html"]).await;
    assert!(page.contains("as the record of an earlier ledger tells"), "{page}");

    feed(&other, &["Old", "One", "Two", "Three"]);
    let requests = (good.requests(), lossy.requests());
    other.start().await;
    until("the feed to be read", async || other.count("good", "baseline").await == 2).await;
    assert_eq!((good.requests(), lossy.requests()), requests, "it was sent again");
    feed(&other, &["Old", "One", "Two", "Three", "Four"]);
    until("the next post to be sent", async || good.seen().contains_key("Four")).await;
    good.assert_once();
    lossy.assert_once();
    let Some(Answer::Why { entry, .. }) =
        other.ask(Verb::Why { entry: "http://blog.example/1".into() }).await
    else {
        panic!("it is not known");
    };
    assert_eq!(entry.entry.title, "One");

    let (code, _, error) = said(&other, &["ledger", "import", path(&file)]).await;
    assert_eq!(code, 75, "a daemon has it: {error}");
    assert_eq!(other.end().await, Some(0));
    let (code, _, error) = said(&other, &["ledger", "import", path(&file)]).await;
    assert_eq!(code, 4, "{error}");
    assert!(error.contains("knows 5 posts already"), "{error}");
}

/// A record that somebody has mended by hand would unsay what readers have seen.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_edited_is_refused_by_its_line() {
    let (mut daemon, good, lossy) = sent(&["One"]).await;
    assert_eq!(daemon.end().await, Some(0));
    let text = done(&daemon, &["ledger", "export"]).await;
    let entry = done(&daemon, &["ledger", "export", "--entry", "http://blog.example/1"]).await;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let at = lines.iter().position(|l| l.contains("\"status\":\"published\"")).expect("one");
    let edited = text.replace("\"status\":\"published\"", "\"status\":\"baseline\"");
    let cut: String = lines[..lines.len() - 2].concat();
    let none = String::new();
    for (bad, line, why) in [
        (&edited, at + 1, "not as it was written"),
        (&cut, lines.len() - 2, "cut off"),
        (&entry, 1, "export without --entry"),
        (&none, 0, "cut off"),
        (&"{\"what\":\"is this, which is no line of an export\"}\n".to_owned(), 1, "not as it was"),
    ] {
        let mut other = Daemon::with(&config(&good, &lossy));
        other.set("HOOK_SECRET", SECRET);
        let file = other.path("record.jsonl");
        std::fs::write(&file, bad).expect("written");
        let (code, _, error) = said(&other, &["ledger", "import", path(&file)]).await;
        assert_eq!(code, 4, "{error}");
        assert!(
            error.contains(&format!("line {line}: ")) && error.contains(why),
            "{line}: {error}"
        );
        assert!(!other.path("ledger.redb").exists(), "{error}");
    }
    let (code, _, error) = said(&daemon, &["ledger", "import", "/none.jsonl"]).await;
    assert_eq!(code, 66, "{error}");
}

/// Compaction must not cost a reader anything, nor the owner a byte of evidence.
#[tokio::test(flavor = "multi_thread")]
async fn a_compacted_ledger_knows_all_that_it_knew() {
    let (mut daemon, good, _lossy) = sent(&["One", "Two"]).await;
    let (code, _, error) = said(&daemon, &["ledger", "compact"]).await;
    assert_eq!(code, 75, "{error}");
    assert_eq!(daemon.end().await, Some(0));
    let before = done(&daemon, &["ledger", "export"]).await;
    let words = done(&daemon, &["ledger", "compact", "--json"]).await;
    let sizes: Value = serde_json::from_str(&words).expect("JSON");
    let now = std::fs::metadata(daemon.path("ledger.redb")).expect("there").len();
    assert_eq!(sizes["after"], now, "{words}");
    assert!(sizes["after"].as_u64() < sizes["before"].as_u64(), "{words}");
    let after = done(&daemon, &["ledger", "export"]).await;
    let all = |text: &str| text.lines().skip(1).map(without_sum).collect::<Vec<_>>();
    assert_eq!(all(&before), all(&after));
    let proof = done(&daemon, &["ledger", "verify", "--json"]).await;
    let proof: Value = serde_json::from_str(&proof).expect("JSON");
    assert_eq!(proof["faults"].as_array().map(Vec::len), Some(0), "{proof}");
    daemon.start().await;
    feed(&daemon, &["Old", "One", "Two", "Three"]);
    settled(&daemon, 3).await;
    good.assert_once();
}

/// A line but for what depends on when it was written.
fn without_sum(line: &str) -> Value {
    let mut value: Value = serde_json::from_str(line).expect("JSON");
    value["sum"] = Value::Null;
    value["sha256"] = Value::Null;
    value
}
