//! `audit` beside the platforms that show what an account has posted: what another tool has posted is found,
//! and what readers see twice is told of, whoever made it.

use std::path::Path;
use std::sync::Arc;

use oncecast::adapter::{Known, Shows, registry};
use oncecast::clock::TokioClock;
use oncecast::config::{Config, Secrets};
use oncecast::desk::exit;
use oncecast::model::Response;
use serde_json::{Value, json};

use super::super::binary::{Said, bare};
use super::super::incidents::blog::{archive, before, post, rss};
use super::cases::CASES;
use super::house::{DAY, HOUR, House, START, alone, config};
use super::platforms::{Platform, Row, SECRETS, rows, threads};
use super::server::Server;

fn config_of((name, platform): &Row) -> Config {
    let feed = "[[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\n";
    let text = format!("{feed}{}", platform().config("http://127.0.0.1:9"));
    let env = |name: &str| SECRETS.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into());
    let config = Config::parse(&text, Path::new("/x/oncecast.toml"), Secrets::Resolve, &env);
    config.unwrap_or_else(|report| panic!("{name}: {report}"))
}

/// Whose posts the platform of a row shows, as its adapter says.
pub fn shows(row: &Row) -> Shows {
    registry::build(&config_of(row).integrations[0]).shows()
}

/// Every row whose platform shows posts, each kind once.
pub fn shown() -> Vec<(Row, Shows)> {
    let rows = rows().into_iter().filter(|(name, _)| *name != "mastodon/compatible");
    let rows = rows.map(|row| match row.0 {
        "threads" => {
            ("threads", (|| Box::new(threads::Threads::shared())) as fn() -> Box<dyn Platform>)
        }
        _ => row,
    });
    let rows = rows.map(|row| (row, shows(&row)));
    rows.filter(|(_, shows)| *shows != Shows::Nothing).collect()
}

/// What `audit` says of an account on which this ledger and another tool have posted, and how many posts
/// stand there.
async fn audited(row: &Row, names: [&[&str]; 2]) -> (Said, usize) {
    let clock = TokioClock::starting_at(START);
    let server = Server::open(row.1(), &CASES[0], Arc::clone(&clock)).await;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for ((folder, group), names) in folders.iter().zip(["readers", "followers"]).zip(names) {
        let publish = |names: &[&str]| {
            let new: Vec<_> = names.iter().map(|name| post(name)).collect();
            let file = folder.path().join("feed.xml");
            std::fs::write(file, rss(&before(&new, &archive(3)))).unwrap();
        };
        publish(&[]);
        let mut house = House::open(&config(folder.path(), &server, group), &clock).await;
        house.run(&server, HOUR).await;
        publish(names);
        house.run(&server, 2 * DAY).await;
        house.close().await;
    }
    let file = folders[0].path().join("oncecast.toml");
    let feed =
        "[ledger]\npath = \"state/ledger.redb\"\n[[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\n";
    let theirs = server.with(|platform| platform.config(&server.url));
    std::fs::write(&file, format!("{feed}{theirs}")).unwrap();
    let mut audit = bare(&["audit", "--config", file.to_str().unwrap()]);
    let output = audit.envs(SECRETS).output().await.unwrap();
    (Said::of(output), server.with(|platform| platform.seen()))
}

/// The flood of another tool was seen by everybody but its owner.
#[test]
fn what_another_hand_has_posted_and_what_stands_there_twice_is_told() {
    for (row, shows) in shown() {
        alone(async {
            let name = row.0;
            let (said, there) = audited(&row, [&["kit"], &["kit", "other"]]).await;
            // Some platforms refuse what says the same, and then nothing stands there twice.
            let twice = usize::from(there == 3);
            // What stands where everybody may speak, and is not of the blog as the ledger knows it, is theirs.
            let others = usize::from(shows == Shows::Own);
            let said = said.ends(if twice == 1 { exit::FAILED } else { exit::OK });
            let said = said.tells(&[&format!("readers: {there} posts looked at")]);
            let count = |words| said.out.matches(words).count();
            assert_eq!(count("not of this ledger"), others + twice, "{name}: {}", said.out);
            assert_eq!(count("stands there 2 times"), twice, "{name}: {}", said.out);
            let (said, _) = audited(&row, [&["kit", "next"], &[]]).await;
            let said = said.ends(exit::OK).tells(&["readers: 2 posts looked at"]);
            assert!(!said.out.contains("not of this"), "{name}: {}", said.out);
        });
    }
}

/// A platform that nobody said can be read was passed over in silence.
#[test]
fn what_each_platform_shows_is_known() {
    let names: Vec<&str> = shown().iter().map(|((name, _), _)| *name).collect();
    assert_eq!(
        names,
        [
            "bluesky",
            "discord",
            "ghost",
            "mastodon",
            "matrix",
            "threads",
            "wordpress",
            "custom/ntfy",
            "dev-to",
            "lemmy",
            "linkedin-organisation",
            "mattermost",
            "slack",
            "zulip",
        ]
    );
}

/// What stood behind the first page of an account was not taken for heard, and told once more.
#[test]
fn an_account_is_read_page_by_page_and_to_its_end() {
    let post = json!({ "id": "7", "ts": "7.1", "text": "" });
    let full = Value::from(vec![post.clone(); 50]);
    let (some, none) = (json!([post.clone()]), json!([]));
    let found = |oldest: bool| json!({ "result": "success", "messages": [{ "id": 7 }], "found_oldest": oldest });
    let slack = |cursor: &str| {
        let next = json!({ "next_cursor": cursor });
        json!({ "ok": true, "messages": [post.clone()], "response_metadata": next })
    };
    let ghost = |next: Value| json!({ "posts": [], "meta": { "pagination": { "next": next } } });
    let threads = |next: Value| json!({ "data": [], "paging": { "cursors": { "after": "abc=" }, "next": next } });
    // A page, what it leads to, and a page behind which there is none.
    for (row, page, next, last) in [
        (
            "bluesky",
            json!({ "records": [], "cursor": "c1" }),
            "cursor=c1",
            json!({ "records": [] }),
        ),
        ("discord", some.clone(), "before=7", none.clone()),
        ("ghost", ghost(json!(2)), "page=2", ghost(Value::Null)),
        ("mastodon", some.clone(), "max_id=7", none.clone()),
        ("matrix", json!({ "chunk": [], "end": "t1" }), "from=t1", json!({ "chunk": [] })),
        (
            "threads",
            threads(json!("https://x")),
            "after=abc%3D&access_token=",
            threads(Value::Null),
        ),
        ("wordpress", full, "page=2", some.clone()),
        ("dev-to", some.clone(), "page=2", none.clone()),
        ("lemmy", json!({ "posts": [{}] }), "page=2", json!({ "posts": [] })),
        (
            "linkedin-organisation",
            json!({ "elements": [{}] }),
            "start=50",
            json!({ "elements": [] }),
        ),
        ("mattermost", json!({ "posts": { "a": {} } }), "page=1", json!({ "posts": {} })),
        ("slack", slack("dXNlcg=="), "cursor=dXNlcg%3D%3D", slack("")),
        ("zulip", found(false), "anchor=7", found(true)),
        (
            "custom/ntfy",
            Value::Null,
            "since=all",
            json!({ "id": "7", "click": "https://x.example/1" }),
        ),
    ] {
        let row = rows().into_iter().find(|(name, _)| *name == row).unwrap();
        let config = config_of(&row);
        let adapter = registry::build(&config.integrations[0]);
        let mut known = Known::default();
        for name in ["account", "user", "did"] {
            known.facts.insert(name.to_owned(), "me".to_owned());
        }
        let room = config.groups[0].room.clone().unwrap_or_default();
        known.facts.insert(format!("room {room} id"), room);
        let look = |answers: &[Response]| {
            let call = adapter.look_on(&config.groups[0], &known, answers, START);
            call.map(|call| call.request.path)
        };
        let answer = |json: &Value| Response {
            status: 200,
            body: json.to_string().into_bytes(),
            whole: true,
            ..Response::default()
        };
        let first = look(&[]).unwrap_or_else(|| panic!("{}: nothing is listed", row.0));
        let second = if page.is_null() { Some(first) } else { look(&[answer(&page)]) };
        assert!(second.as_ref().is_some_and(|path| path.contains(next)), "{}: {second:?}", row.0);
        assert_eq!(look(&[answer(&last)]), None, "{}", row.0);
    }
}
