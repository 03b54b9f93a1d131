//! What becomes of an entry that is deleted, wherever its deliveries stand.

use crate::ledger::Setup;
use crate::ledger::upkeep::Page;
use crate::model::{Upkeep, WithdrawReason};

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);
const NAMES: [&str; 3] = ["readers", "others", "more"];

/// A feed whose entries have pages; the groups want what is deleted there to go.
fn blog(folder: &Path) -> Opened {
    let mut open = open(folder, None);
    let mut setup: Setup = setup(&NAMES);
    for group in &mut setup.groups {
        group.upkeep = Upkeep { update: false, retract: true };
    }
    run(&mut open, |batch| batch.configure(setup)).expect("configured");
    shows(&mut open, &["a", "b"]);
    open
}

fn shows(open: &mut Opened, names: &[&str]) -> crate::ledger::Admitted {
    let entry = |name: &&str| Entry {
        guid: Some((*name).into()),
        title: format!("About {name}"),
        link: Some(format!("https://blog.example/{name}")),
        ..Entry::default()
    };
    let entries = names.iter().map(entry).collect();
    let sight = Sight::Document { entries, complete: true };
    let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
    run(open, move |batch| batch.admit(intake)).expect("admitted")
}

fn id(entry: u64, group: u32) -> DeliveryId {
    DeliveryId { entry, group, generation: 1 }
}

fn publish(open: &mut Opened, id: DeliveryId, outcome: Outcome) {
    let number = granted(open, id);
    run(open, move |batch| batch.settle(id, number, &outcome, None)).expect("settled");
}

fn out(name: &str) -> Outcome {
    Outcome::Published { reference: Reference { id: Some(name.into()), ..Reference::default() } }
}

fn looked(open: &mut Opened, entry: u64, page: Page) -> bool {
    run(open, move |batch| batch.looked("blog", entry, &page)).expect("taken")
}

fn missing(open: &mut Opened) -> usize {
    run(open, |batch| batch.missing("blog")).expect("readable").len()
}

fn row(open: &mut Opened, id: DeliveryId) -> super::super::records::DeliveryRow {
    run(open, move |batch| batch.delivery(id)).expect("readable")
}

/// A post was deleted from the blog while one group had it in doubt and another's turn had not come: the one
/// kept it for ever, and the other heard it the day after.
#[tokio::test(start_paused = true)]
async fn what_waits_is_not_sent_and_what_is_in_doubt_is_not_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = blog(folder.path());
    shows(&mut open, &["a", "b", "new"]);
    publish(&mut open, id(3, 1), out("113"));
    publish(&mut open, id(3, 2), Outcome::Unknown { reason: "no answer".into() });
    // Between others it is gone.
    shows(&mut open, &["a", "b", "new", "next"]);
    shows(&mut open, &["a", "b", "next"]);
    assert_eq!(missing(&mut open), 1);
    for _ in 0..3 {
        tokio::time::advance(8 * HOUR).await;
        looked(&mut open, 3, Page::Gone(410));
    }
    let amend = row(&mut open, id(3, 1)).amend.expect("wanted").amend;
    assert_eq!(amend.change, crate::model::Change::Retract);
    let waited = row(&mut open, id(3, 3)).status;
    assert_eq!(waited, Status::Withdrawn { reason: WithdrawReason::Deleted });
    assert!(row(&mut open, id(3, 2)).amend.is_none(), "nobody knows whether there is anything");
    assert_eq!(missing(&mut open), 1, "it is still looked for");

    // It turns out to be there.
    let there = Reference { id: Some("114".into()), ..Reference::default() };
    let verdict = crate::ledger::Verdict::PersonPublished(there.clone());
    run(&mut open, move |batch| batch.resolve(id(3, 2), verdict, "a person")).expect("resolved");
    tokio::time::advance(8 * HOUR).await;
    looked(&mut open, 3, Page::Gone(410));
    assert_eq!(missing(&mut open), 0);
    // In the feed again, it is no new post.
    shows(&mut open, &["a", "b", "new", "next"]);
    assert!(matches!(row(&mut open, id(3, 3)).status, Status::Withdrawn { .. }));
}

/// Three pages of a blog led elsewhere, and nothing that its author deleted after them was ever taken away.
#[tokio::test(start_paused = true)]
async fn pages_that_tell_nothing_do_not_stand_before_those_that_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut open = blog(folder.path());
    let mut shown = vec!["a", "b"];
    for (entry, name) in (3..).zip(["one", "two", "three", "four", "last"]) {
        shown.push(name);
        shows(&mut open, &shown);
        publish(&mut open, id(entry, 1), out(&format!("p{name}")));
        tokio::time::advance(HOUR).await;
    }
    for name in ["one", "two", "three"] {
        shown.retain(|shown| *shown != name);
        assert_eq!(shows(&mut open, &shown).missing_held, 0);
    }
    assert_eq!(missing(&mut open), 3);
    shown.retain(|shown| *shown != "four");
    assert_eq!(shows(&mut open, &shown).missing_held, 0, "one alone has left");
    assert_eq!(missing(&mut open), 4);
    // They tell nothing for a week, and are left in peace then.
    for half in 0..=14 {
        for entry in 3..6 {
            looked(&mut open, entry, Page::Unsure("its page leads elsewhere".into()));
        }
        let left = missing(&mut open);
        assert_eq!(left, if half < 14 { 4 } else { 1 }, "after {half} half days");
        tokio::time::advance(12 * HOUR).await;
    }
    let lines = run(&mut open, |batch| Ok(batch.tables.entry(3)?.edits.len())).expect("readable");
    assert_eq!(lines, 2, "that it left, and that it stays");
}
