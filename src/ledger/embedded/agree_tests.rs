//! Rows that are whole, each by itself, and contradict each other: the proof must not pass them.

use std::path::Path;
use std::sync::Arc;

use redb::{Database, ReadableDatabase as _};

use crate::clock::TokioClock;
use crate::ledger::journal::Proof;
use crate::ledger::{Audience, Intake, Lane, Ledger as _, Policy, Setup, Sight};
use crate::model::{Caps, DeliveryId, Entry, FeedState, Status, StatusKind, Time};

use super::disk::Files;
use super::records::{self, Agenda, DeliveryRow, agenda_key, delivery_key};
use super::tables::{AGENDA, DELIVERY, Definition, META};
use super::{Embedded, Frozen, open};

const START: Time = Time::from_millis(1_767_323_045_000);
const OWED: DeliveryId = DeliveryId { entry: 2, group: 1, generation: 1 };

/// A ledger with one post that was there and one that is owed.
async fn ledger(path: &Path) {
    let ledger = Embedded::open(path, TokioClock::starting_at(START)).await.expect("opens");
    let setup = Setup {
        policy: Policy { settle: std::time::Duration::ZERO, ..Policy::default() },
        lanes: vec![Lane {
            name: "lane".into(),
            caps: Caps { per_10m: 9, per_hour: 9, per_day: 9 },
            doubt_after: std::time::Duration::from_secs(60),
        }],
        groups: vec![Audience {
            name: "readers".into(),
            lane: "lane".into(),
            feeds: vec!["blog".into()],
            when_absent: crate::model::WhenAbsent::Wait,
            upkeep: crate::model::Upkeep::default(),
            ..Audience::default()
        }],
    };
    ledger.configure(setup).await.expect("configured");
    for names in [&["old"][..], &["old", "new"]] {
        let entry = |name: &&str| Entry { guid: Some((*name).into()), ..Entry::default() };
        let entries = names.iter().map(entry).collect();
        let sight = Sight::Document { entries, complete: true };
        let state = FeedState::default();
        let intake = Intake { feed: "blog".into(), sight, state };
        ledger.admit(intake).await.expect("admitted");
    }
    ledger.close().await.expect("closed");
}

fn proof(path: &Path) -> Proof {
    Frozen::of_ledger(path).expect("opens").verify(&|_, _| {}).expect("walked")
}

/// Writes one row as somebody would who knows how rows are sealed.
fn forge(database: &Database, table: Definition, key: &[u8], row: Option<&[u8]>) {
    #[expect(clippy::disallowed_methods, reason = "a forger does not ask")]
    let txn = database.begin_write().expect("opens");
    {
        let mut table = txn.open_table(table).expect("there");
        match row {
            Some(row) => drop(table.insert(key, row).expect("written")),
            None => drop(table.remove(key).expect("removed")),
        }
    }
    #[expect(clippy::disallowed_methods, reason = "a forger does not ask")]
    txn.commit().expect("committed");
}

/// What the proof says after a forgery of the delivery that is owed, or of the tables about it.
async fn said(forgery: impl FnOnce(&Database, DeliveryRow)) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.redb");
    ledger(&path).await;
    assert_eq!(proof(&path).faults, Vec::<String>::new());
    let database = open::open_file(&Files, &path).expect("opens");
    let key = delivery_key(OWED);
    let row = {
        let txn = database.begin_read().expect("opens");
        let table = txn.open_table(DELIVERY).expect("there");
        let row = table.get(key.as_slice()).expect("readable").expect("there");
        records::decode(&key, row.value()).expect("whole")
    };
    forgery(&database, row);
    drop(database);
    proof(&path).faults
}

fn sealed(row: &DeliveryRow) -> Vec<u8> {
    records::encode(&delivery_key(OWED), row).expect("encodes")
}

#[tokio::test]
async fn a_post_that_was_unsent_by_hand_is_found() {
    let faults = said(|database, row| {
        let row = DeliveryRow { status: Status::Baseline, ..row };
        forge(database, DELIVERY, &delivery_key(OWED), Some(&sealed(&row)));
    })
    .await;
    let all = faults.join("\n");
    assert!(all.contains("2.1.1 is baseline, and its last line says due"), "{all}");
    assert!(all.contains("the agenda has 1 places for 0"), "{all}");
    assert!(all.contains("the counts of its groups"), "{all}");
}

#[tokio::test]
async fn a_post_that_nobody_would_ever_look_at_again_is_found() {
    let faults = said(|database, row| {
        let (list, time) = Agenda::of(&row, None).expect("it is due");
        forge(database, AGENDA, &agenda_key(list, OWED.group, time, OWED), None);
    })
    .await;
    assert!(faults.iter().any(|f| f.contains("2.1.1 is not on the agenda")), "{faults:?}");
}

#[tokio::test]
async fn a_post_under_another_key_would_be_shown_twice_and_is_found() {
    let faults = said(|database, row| {
        let other = crate::model::EntryId::from_bytes([1; 16]);
        let key = crate::model::IdempotencyKey::of(&other, "readers", 1);
        let row = DeliveryRow { key, ..row };
        forge(database, DELIVERY, &delivery_key(OWED), Some(&sealed(&row)));
    })
    .await;
    assert_eq!(faults, ["delivery 2.1.1 has the key of another"]);
}

#[tokio::test]
async fn a_post_with_the_lines_of_another_is_found() {
    let faults = said(|database, row| {
        let row = DeliveryRow { lines: vec![0, 99], ..row };
        forge(database, DELIVERY, &delivery_key(OWED), Some(&sealed(&row)));
    })
    .await;
    let all = faults.join("\n");
    assert!(all.contains("names line 0, which is of another"), "{all}");
    assert!(all.contains("names line 99, which cannot be read"), "{all}");
}

#[tokio::test]
async fn a_journal_that_was_cut_is_found() {
    let faults = said(|database, _| {
        forge(database, super::tables::JOURNAL, &1_u64.to_be_bytes(), None);
        let counts = vec![(StatusKind::Due, 2_u64)];
        let row = records::encode(b"count/1", &counts).expect("encodes");
        forge(database, META, b"count/1", Some(&row));
    })
    .await;
    let all = faults.join("\n");
    assert!(all.contains("the chain ends at line 1 and not where it should"), "{all}");
    assert!(all.contains("the counts of its groups"), "{all}");
}

/// A backup that is asked for twice at once must not tear the first one.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_of_one_moment_whatever_is_written_meanwhile() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.redb");
    ledger(&path).await;
    let abandoned = folder.path().join(".ledger.redb.0000abcd.copy");
    let somebodys = folder.path().join("ledger.redb.copy");
    for file in [&abandoned, &somebodys] {
        std::fs::write(file, "whoever asked was killed").expect("written");
    }
    let clock = TokioClock::starting_at(START);
    let open: Arc<Embedded> = Embedded::open(&path, clock).await.expect("opens");
    open.overview().await.expect("readable");
    assert_eq!((abandoned.exists(), somebodys.exists()), (false, true), "the disk fills up");
    let (first, second) = tokio::join!(open.snapshot(), open.snapshot());
    let copies: Vec<_> = [first, second].into_iter().flatten().collect();
    assert!(!copies.is_empty());
    open.stop_all("a line more".into(), "a test".into()).await.expect("written");
    let copy = copies.last().expect("one");
    let place = super::place_of(&path, &Path::new("/elsewhere").join(copy.file_name().expect("n")));
    assert_eq!(place.as_deref(), Some(copy.as_path()));
    assert_eq!(super::place_of(&path, Path::new("/etc/shadow")), None);
    // A second one is asked for before the first was opened by whoever asked for it.
    open.snapshot().await.expect("another");
    let frozen = Frozen::of_copy(copy).expect("opens");
    assert_eq!(frozen.verify(&|_, _| {}).expect("walked").faults, Vec::<String>::new());
    open.close().await.expect("closed");
    let after = Frozen::of_ledger(&path).expect("opens").head();
    assert_eq!(after.lines, frozen.head().lines + 1);
}
