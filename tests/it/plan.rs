//! `plan`: the next poll for real, with nothing sent and nothing written, whether the daemon runs or not.

use serde_json::Value;

use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};

/// A house that polls seldom, so that only `plan` looks at the feed.
fn config(group: &str) -> String {
    format!(
        "[[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\nevery = \"1d\"\n\
         [[integration]]\nname = \"one\"\nkind = \"webhook\"\nurl = {group:?}\n\
         [[group]]\nname = \"one\"\nintegration = \"one\"\n"
    )
}

fn feed(daemon: &Daemon, titles: &[&str]) {
    let item =
        |t: &&str| format!("<item><title>{t}</title><link>http://blog.example/{t}</link></item>");
    let items: String = titles.iter().map(item).collect();
    let text = format!("<rss version=\"2.0\"><channel><title>b</title>{items}</channel></rss>");
    std::fs::write(daemon.path("feed.xml"), text).expect("written");
}

async fn said(daemon: &Daemon, arguments: &[&str]) -> (i32, String) {
    let output = daemon.command(arguments).output().await.expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), format!("{text}{error}"))
}

/// The one planned feed.
async fn planned(daemon: &Daemon) -> Value {
    let (code, text) = said(daemon, &["plan", "blog", "--json"]).await;
    assert_eq!(code, 0, "{text}");
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    answer["feeds"][0].clone()
}

/// Whoever changes a feed wants to know what readers will get before they get it; a rehearsal that wrote
/// anything down would make the performance another one.
#[tokio::test(flavor = "multi_thread")]
async fn what_will_come_is_told_by_the_admission_that_will_do_it_and_nothing_is_kept() {
    let group = Receiver::open(Manner::Answers(204)).await;
    let mut daemon = Daemon::with(&config(&group.url));
    let old = ["ash", "birch", "cedar", "elder", "fir", "hazel", "larch"];
    feed(&daemon, &old);
    let (code, text) = said(&daemon, &["plan"]).await;
    assert!(code == 66 && text.contains("there is no ledger"), "{code} {text}");
    assert!(!daemon.path("ledger.redb").exists(), "it made a ledger");
    daemon.start().await;
    daemon.baseline("blog").await;
    assert_eq!(planned(&daemon).await["outcome"], "the same bytes");

    let new = ["maple", "ash", "birch", "cedar", "elder", "fir", "hazel", "larch"];
    feed(&daemon, &new);
    let before = daemon.status().await;
    let up = planned(&daemon).await;
    let (_, words) = said(&daemon, &["plan"]).await;
    let again = planned(&daemon).await;
    let what = |planned: &Value| {
        let entries = planned["foresight"]["entries"].as_array().cloned().expect("entries");
        entries.iter().map(|e| (e["id"].clone(), e["seen"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(what(&up), what(&again), "the first one has left something");
    let after = daemon.status().await;
    for key in ["ledger", "feeds", "groups", "waiting"] {
        assert_eq!(before[key], after[key], "{key} has changed");
    }
    let entries = up["foresight"]["entries"].as_array().expect("entries");
    let seen = |kind: &str| entries.iter().filter(|e| e["seen"] == kind).count();
    assert_eq!((seen("new"), seen("known")), (1, 7), "{entries:?}");
    let maple = entries.iter().find(|e| e["seen"] == "new").expect("one");
    assert_eq!((&maple["title"], &maple["by"][0]), (&"maple".into(), &"link".into()), "{maple}");
    let delivery = &maple["deliveries"][0];
    assert_eq!((&delivery["group"], &delivery["status"]), (&"one".into(), &"due".into()));
    assert_eq!(delivery["settling"], true, "it would be looked at a second time");
    assert_eq!(up["why_next"], "a new entry is looked at a second time");
    for part in [
        "RSS in UTF-8 (all of it is valid)",
        "would be new: maple",
        "after its second look",
        "known: 7 (7 by link)",
        "a new entry is looked at a second time",
    ] {
        assert!(words.contains(part), "{words}");
    }

    // Too many at once would be held; told without a daemon as it would be with one.
    let more = ["maple", "oak", "pine", "rowan", "yew", "ash", "birch", "cedar", "elder"];
    feed(&daemon, &more);
    let up = planned(&daemon).await;
    assert_eq!(daemon.end().await, Some(0));
    let down = planned(&daemon).await;
    let held = |planned: &Value| {
        let entries = planned["foresight"]["entries"].as_array().cloned().expect("entries");
        let held = |e: &&Value| e["deliveries"][0]["status"] == "held";
        entries.iter().filter(held).map(|e| e["title"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(held(&up).len(), 5, "{up}");
    assert_eq!(held(&up), held(&down));
    assert_eq!(group.requests(), 0);
    let (code, text) = said(&daemon, &["plan", "blob"]).await;
    assert!(code == 66 && text.contains("blob"), "{code} {text}");
}
