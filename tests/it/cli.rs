//! The command line as its user and as scripts meet it: exit codes, colour, JSON, and words that say
//! what is wrong and what to type.

use std::io::Read as _;
use std::process::Stdio;

use oncecast::desk::exit;
use serde_json::Value;

use super::binary::{Said, address, bare, house, lane, publish, said, started};
use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::until;

const RSS: &str = "<rss version=\"2.0\"><channel><title>b</title><item><title>Tea &amp; milk</title>\
    <link>http://blog.example/tea</link><guid isPermaLink=\"false\">tag:tea</guid>\
    <pubDate>Tue, 06 Jan 2026 10:00:00 GMT</pubDate></item></channel></rss>";
const ATOM: &str = "<feed xmlns=\"http://www.w3.org/2005/Atom\"><title>b</title><entry>\
    <title>Tea &amp; milk</title><link href=\"http://blog.example/tea\"/><id>tag:tea</id>\
    <published>2026-01-06T10:00:00Z</published></entry></feed>";
const JSON: &str = "{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"b\",\"items\":[{\
    \"id\":\"tag:tea\",\"url\":\"http://blog.example/tea\",\"title\":\"Tea & milk\",\
    \"date_published\":\"2026-01-06T10:00:00Z\",\"content_text\":\"hot\"}]}";

/// A folder with one file in it.
fn file(name: &str, text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("written");
    let path = path.to_str().expect("text").to_owned();
    (folder, path)
}

async fn ran(arguments: &[&str]) -> Said {
    Said::of(bare(arguments).output().await.expect("it runs"))
}

/// Who cannot see beforehand what their blog would post finds out in front of all their readers.
#[tokio::test]
async fn try_shows_the_same_post_whatever_kind_of_feed_it_stands_in() {
    for (kind, text) in [("RSS", RSS), ("Atom", ATOM), ("JSON Feed", JSON)] {
        let (_folder, path) = file("feed", text);
        let json = ran(&["try", &path, "--json"]).await.ends(exit::OK).json();
        assert_eq!(json["format"], kind);
        let entries = json["entries"].as_array().expect("a list");
        assert_eq!(entries.len(), 1, "{kind}");
        for (field, value) in [
            ("id", "tag:tea"),
            ("link", "http://blog.example/tea"),
            ("title", "Tea & milk"),
            ("date", "2026-01-06T10:00:00.000Z"),
            ("post", "Tea & milk\n\nhttp://blog.example/tea"),
        ] {
            assert_eq!(entries[0][field], value, "{kind}: {field}");
        }
        assert_eq!(json["encoding_by"], "all of it is valid", "{kind}");
        let words = [
            "Tea & milk",
            "http://blog.example/tea",
            kind,
            "UTF-8 (all of it is valid)",
            "known by guid, link, title and date",
            "would be new, and held: it is older than max_age",
            "nothing was sent",
        ];
        ran(&["try", &path]).await.ends(exit::OK).tells(&words);
    }
}

/// Whoever sees a post with odd letters, or misses the last one, must see why.
#[tokio::test]
async fn try_tells_what_was_read_out_of_a_broken_feed() {
    let (_folder, path) = file(
        "feed",
        "<b>Notice</b>: x\n<rss version=\"2.0\"><channel><title>b</title><item>\
         <title>Tea & milk</title><guid>g1</guid><link>javascript:x()</link></item><item><title>Half",
    );
    let words = [
        "Tea & milk",
        "known by guid",
        "1 entries",
        "the document breaks off: only whole entries are shown",
        "- item 1: link is no web address",
        "- the feed ends inside its last item, which is left out",
        "- what a server printed before the feed is left out",
        "- an & that nobody escaped is one",
    ];
    ran(&["try", &path]).await.ends(exit::OK).tells(&words);
}

/// A script that cannot tell a login page from a feed would go live on one.
#[tokio::test]
async fn try_tells_what_is_no_feed_from_what_is_not_there() {
    let (folder, page) = file("page", "<html><title>A login page</title></html>");
    ran(&["try", &page]).await.ends(exit::DATA).tells(&["HTML", "A login page"]);
    let missing = folder.path().join("none.xml");
    let missing = missing.to_str().expect("text");
    let told = ran(&["try", missing]).await.ends(exit::NO_INPUT).tells(&["No such file"]);
    assert_eq!(told.error.matches("none.xml").count(), 1, "{}", told.error);
    let server = Receiver::open(Manner::Denies(404)).await;
    ran(&["try", &server.url]).await.ends(exit::NO_INPUT).tells(&["HTTP 404", "check the url"]);
    ran(&["try", "ftp://blog.example/feed"]).await.ends(exit::USAGE).tells(&["http"]);
    ran(&["try", &page, "--jsn"]).await.ends(exit::USAGE).tells(&["--json"]);
}

/// An operator who must guess which line is wrong leaves the blog silent meanwhile.
#[tokio::test]
async fn a_wrong_config_is_told_with_file_line_key_and_fix() {
    let good = "[[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\n[[integration]]\nname = \"hook\"\n\
                kind = \"webhook\"\nurl = \"http://127.0.0.1:9/\"\n[[group]]\nname = \"readers\"\n\
                integration = \"hook\"\n";
    for (from, to, words) in [
        ("url = \"feed.xml\"", "ulr = \"feed.xml\"", &["oncecast.toml:3", "ulr", "url"][..]),
        ("integration = \"hook\"", "integration = \"hok\"", &["oncecast.toml:10", "hok", "hook"]),
        ("kind = \"webhook\"", "kind = \"webhok\"", &["oncecast.toml:6", "kind", "webhook"]),
        ("url = \"feed.xml\"", "url = \"feed.xml\"\nevery = \"15\"", &["toml:4", "every", "15m"]),
        ("name = \"blog\"", "name = \"blog", &["oncecast.toml:2"]),
        ("name = \"blog\"", "name = 7", &["oncecast.toml:2", "name"]),
        (
            "url = \"http://127.0.0.1:9/\"",
            "url = \"http://127.0.0.1:9/\"\nsecret = { env = \"NO_SUCH_SECRET\" }",
            &["oncecast.toml:8", "secret", "NO_SUCH_SECRET"],
        ),
        (
            "integration = \"hook\"",
            "integration = \"hook\"\ntemplate = \"{{ titel }\"",
            &["oncecast.toml", "template", "readers"],
        ),
    ] {
        let (_folder, path) = file("oncecast.toml", &good.replacen(from, to, 1));
        for command in ["check", "run"] {
            let told = ran(&[command, "--config", &path]).await.ends(exit::CONFIG).tells(words);
            assert!(told.out.is_empty(), "{}", told.out);
        }
    }
    let (folder, path) = file("oncecast.toml", good);
    let ledger = format!("[ledger]\npath = {:?}\n{good}", folder.path().join("ledger.redb"));
    std::fs::write(&path, ledger).expect("written");
    // Before the command, after it, and by the environment it is the same config.
    ran(&["--config", &path, "check"]).await.ends(exit::OK).tells(&[&path]);
    ran(&["check", "--config", &path]).await.ends(exit::OK).tells(&[&path]);
    let by_environment = bare(&["check"]).env("ONCECAST_CONFIG", &path).output().await;
    Said::of(by_environment.expect("it runs")).ends(exit::OK).tells(&[&path]);
    let none = folder.path().join("none.toml");
    let none = none.to_str().expect("text");
    ran(&["check", "--config", none]).await.ends(exit::CONFIG).tells(&["none.toml", "--config"]);
    assert!(!folder.path().join("ledger.redb").exists(), "a check changes nothing");
}

/// A post that waits, one that is held, one that is out: every colour there is to show.
async fn colourful() -> Daemon {
    let group = Receiver::open(Manner::Answers(204)).await;
    let mut daemon = started(&house(&[("one", &group.url)], "")).await;
    publish(&daemon, &["New", "Old"]);
    until("the post", async || daemon.count("one", "published").await == 1).await;
    assert_eq!(daemon.end().await, Some(0));
    daemon
}

/// Escape bytes in a mail from cron hide the one word that matters.
#[tokio::test(flavor = "multi_thread")]
async fn colour_is_for_terminals_and_for_those_who_ask() {
    let mut daemon = colourful().await;
    for runs in [false, true] {
        if runs {
            daemon.start().await;
        }
        let new = address("New");
        for arguments in [&["status"][..], &["why", &new], &["replay", &new, "--dry-run"]] {
            let plain = said(&daemon, arguments).await;
            assert!(!format!("{}{}", plain.out, plain.error).contains('\x1b'), "{}", plain.out);
            let asked = |more: &[&'static str]| {
                let all: Vec<&str> = arguments.iter().chain(more).copied().collect();
                let mut command = daemon.command(&all);
                async move { Said::of(command.env("NO_COLOR", "1").output().await.expect("runs")) }
            };
            if arguments[0] != "replay" {
                assert!(asked(&["--color", "always"]).await.out.contains('\x1b'), "{arguments:?}");
            }
            let json = asked(&["--color", "always", "--json"]).await;
            assert!(!json.out.contains('\x1b'), "{}", json.out);
            json.json();
        }
    }
    assert!(on_a_terminal(&daemon, None).await.contains('\x1b'));
    assert!(!on_a_terminal(&daemon, Some("1")).await.contains('\x1b'), "NO_COLOR");
}

/// `status` on a terminal of its own.
async fn on_a_terminal(daemon: &Daemon, no_color: Option<&str>) -> String {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).expect("granted");
    unlockpt(&master).expect("unlocked");
    let name = ptsname(&master, Vec::new()).expect("named").into_string().expect("text");
    let slave = std::fs::File::options().read(true).write(true).open(name).expect("opens");
    let mut command = daemon.command(&["status"]);
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("CLICOLOR");
    command.envs(no_color.map(|value| ("NO_COLOR", value)));
    let mut child = command.stdout(slave).stderr(Stdio::null()).spawn().expect("it runs");
    drop(command);
    let read = tokio::task::spawn_blocking(move || {
        let (mut bytes, mut master) = (Vec::new(), std::fs::File::from(master));
        // The last one to close the other end leaves an error here, and the bytes before it.
        master.read_to_end(&mut bytes).ok();
        String::from_utf8(bytes).expect("text")
    });
    child.wait().await.expect("it ends");
    let text = read.await.expect("read");
    assert!(text.contains("groups"), "{text:?}");
    text
}

/// A script that parses what it is given breaks on a word before or after it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_as_json_is_one_document_with_its_fields() {
    let mut daemon = colourful().await;
    let new = address("New");
    for runs in [false, true] {
        if runs {
            daemon.start().await;
        }
        let has = |value: &Value, fields: &[&str]| {
            for field in fields {
                assert!(value.get(field).is_some(), "no {field} in {value}");
            }
        };
        let status = said(&daemon, &["status", "--json"]).await.ends(exit::OK).json();
        has(&status, &["schema_version", "healthy", "reasons", "notes", "ledger", "feeds"]);
        has(&status, &["lanes", "groups", "waiting"]);
        has(&status["groups"][0], &["name", "lane", "guarantee", "counts"]);
        let why = said(&daemon, &["why", &new, "--json"]).await.ends(exit::OK).json();
        has(&why, &["entry", "history"]);
        assert_eq!(why["entry"]["entry"]["title"], "New");
        assert_eq!(why["entry"]["deliveries"][0]["status"], "published", "{why}");
        let replay = said(&daemon, &["replay", &new, "--json"]).await.ends(exit::REFUSED).json();
        assert_eq!(replay["steps"][0]["sends"], false, "{replay}");
        let check = said(&daemon, &["check", "--json"]).await.ends(exit::OK).json();
        has(&check, &["schema_version", "ok", "findings", "warnings"]);
    }
}

/// One by one, as a script relies on them; 5, 75 and 130 are in the tests of the daemon.
#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_end_has_its_code() {
    ran(&["--version"]).await.ends(exit::OK);
    ran(&[]).await.ends(exit::USAGE).tells(&["oncecast demo"]);
    ran(&["withdraw", "x"]).await.ends(exit::USAGE).tells(&["--reason"]);
    let daemon = Daemon::with(&house(&[("one", "http://127.0.0.1:9/")], ""));
    for command in [&["status"][..], &["reload"]] {
        said(&daemon, command).await.ends(exit::UNAVAILABLE).tells(&["no daemon answers"]);
    }
    said(&daemon, &["why", "abcd"]).await.ends(exit::NO_INPUT).tells(&["oncecast run"]);
    said(&daemon, &["ledger", "verify"]).await.ends(exit::NO_INPUT);
    said(&daemon, &["ledger", "init"]).await.ends(exit::OK);
    said(&daemon, &["ledger", "init"]).await.ends(exit::REFUSED).tells(&["adopt-restored"]);
    said(&daemon, &["ledger", "verify"]).await.ends(exit::OK).tells(&["unbroken"]);
    said(&daemon, &["why", "abcd"]).await.ends(exit::NO_INPUT).tells(&["id", "link", "guid"]);
    said(&daemon, &["pause", "none"]).await.ends(exit::REFUSED).tells(&["the config has one"]);
    said(&daemon, &["resolve", "abcd", "--absent"]).await.ends(exit::USAGE).tells(&["ENTRY/GROUP"]);
    said(&daemon, &["release", "--all"]).await.ends(exit::REFUSED).tells(&["nothing is held"]);
    said(&daemon, &["stop-all"]).await.ends(exit::OK).tells(&["resume --all"]);
    said(&daemon, &["status"]).await.ends(exit::FAILED).tells(&["NOT HEALTHY", "resume --all"]);
    said(&daemon, &["resume", "--all"]).await.ends(exit::OK);
    said(&daemon, &["status"]).await.ends(exit::OK).tells(&["healthy"]);
    // A file stands where the ledger's folder should be.
    std::fs::write(daemon.path("file"), "").expect("written");
    let text = format!(
        "[ledger]\npath = {:?}\n[serve]\nlisten = \"127.0.0.1:0\"\ncontrol = {:?}\n{}",
        daemon.path("file/ledger.redb"),
        daemon.path("control.sock"),
        house(&[("one", "http://127.0.0.1:9/")], ""),
    );
    std::fs::write(daemon.path("oncecast.toml"), text).expect("written");
    said(&daemon, &["ledger", "init"]).await.ends(exit::LEDGER).tells(&["file"]);
    std::fs::write(daemon.path("ledger.redb"), "this is no database").expect("written");
    daemon.configure(&house(&[("one", "http://127.0.0.1:9/")], ""));
    said(&daemon, &["ledger", "verify"]).await.ends(exit::UNTRUSTED).tells(&["oncecast ledger"]);
}

/// Somebody in a hurry who is told "no ledger" believes that nothing is stopped.
#[tokio::test]
async fn stop_all_says_that_it_stopped_even_where_there_is_no_ledger() {
    let daemon = Daemon::with(&house(&[("one", "http://127.0.0.1:9/")], ""));
    let stop = daemon.path("STOP");
    let words = [stop.to_str().expect("text"), "nothing is sent", "resume --all"];
    said(&daemon, &["stop-all"]).await.ends(exit::NO_INPUT).tells(&words);
    assert!(stop.exists());
}

/// Who looks for a lost post with a filter that is not understood reads a log in which it does not stand.
#[tokio::test]
async fn a_log_filter_that_is_not_understood_is_told() {
    let (_folder, path) = file("feed", RSS);
    for (filter, told) in
        [("oncecast=loud", true), ("oncecast::flow=trace,warn", false), ("", false)]
    {
        let mut command = bare(&["try", &path]);
        let said = Said::of(command.env("ONCECAST_LOG", filter).output().await.expect("it runs"));
        let said = said.ends(exit::OK);
        assert_eq!(said.error.contains("ONCECAST_LOG"), told, "{filter:?}: {}", said.error);
    }
}

/// A lane that fails at night would have failed in front of its owner at noon.
#[tokio::test(flavor = "multi_thread")]
async fn check_fails_where_run_would() {
    let denies = Receiver::open(Manner::Denies(401)).await;
    let base = denies.url.trim_end_matches("/hook");
    let fedi = format!(
        "[[integration]]\nname = \"fedi\"\nkind = \"mastodon\"\nurl = {base:?}\n\
         token = {{ env = \"FEDI_TOKEN\" }}\n\
         [[group]]\nname = \"followers\"\nintegration = \"fedi\"\n"
    );
    let mut daemon = Daemon::with(&house(&[], &fedi));
    let missing = said(&daemon, &["check"]).await.ends(exit::CONFIG);
    missing.tells(&["oncecast.toml:", "token", "FEDI_TOKEN"]);
    daemon.set("FEDI_TOKEN", "t0p-s3cret");
    let wrong = said(&daemon, &["check"]).await.ends(exit::FAILED);
    let wrong = wrong.tells(&["FAIL  group followers through fedi", "FEDI_TOKEN"]);
    assert!(!format!("{}{}", wrong.out, wrong.error).contains("t0p-s3cret"));
    let json = said(&daemon, &["check", "--json"]).await.ends(exit::FAILED).json();
    assert_eq!(json["ok"], false);

    let hook = lane("one", "http://127.0.0.1:9/", "");
    let daemon = Daemon::with(&house(&[], &hook));
    said(&daemon, &["ledger", "init"]).await.ends(exit::OK);
    std::fs::remove_file(daemon.path("ledger.redb")).expect("lost");
    said(&daemon, &["check"]).await.ends(exit::FAILED).tells(&[
        "FAIL  ledger",
        "is missing",
        "oncecast ledger init",
    ]);
    assert!(!daemon.path("ledger.redb").exists(), "neither makes a new one in silence");
}
