//! Every pair of a status and an event: what is allowed, and that nothing else is.

use super::*;
use crate::model::{How, Reference};

const T: Time = Time::from_millis(1_000);

fn receipt() -> Receipt {
    Receipt { reference: Reference::default(), at: T, how: How::Answered }
}

fn statuses() -> Vec<Status> {
    vec![
        Status::Baseline,
        Status::Held { reason: HoldReason::Stale },
        Status::Due { attempt: 2, not_before: T },
        Status::Claimed { attempt: 3, permit: 9, maybe: false },
        Status::Claimed { attempt: 3, permit: 9, maybe: true },
        Status::Published { receipt: receipt() },
        Status::Refused { reason: "no".into() },
        Status::InDoubt { attempt: 3, evidence: "timeout".into(), next_look: T, looks: 0 },
        Status::Withdrawn { reason: WithdrawReason::Vanished },
        Status::Withdrawn { reason: WithdrawReason::Deleted },
        Status::Withdrawn { reason: WithdrawReason::Person { why: "old".into() } },
        Status::Withdrawn { reason: WithdrawReason::Route { why: "category go".into() } },
        Status::Held { reason: HoldReason::Approval },
    ]
}

fn events() -> Vec<Event> {
    vec![
        Event::Release { not_before: T },
        Event::Withdraw(WithdrawReason::Vanished),
        Event::Return { not_before: T },
        Event::Unfit("too long".into()),
        Event::Hold(HoldReason::Approval),
        Event::Staged,
        Event::Claim { permit: 10 },
        Event::Repeat { permit: 10 },
        Event::Published(receipt()),
        Event::Refused("no".into()),
        Event::Later { not_before: T, exhausted: None },
        Event::Later { not_before: T, exhausted: Some("20 attempts".into()) },
        Event::Doubt { evidence: "reset".into(), next_look: T },
        Event::Looked { evidence: "absent".into(), next_look: T },
        Event::Found(receipt()),
        Event::Elsewhere(receipt()),
        Event::Absent { not_before: T },
    ]
}

/// Every pair that is allowed, and where it leads. Whatever is not here must be refused.
fn allowed(status: &Status, event: &Event) -> Option<StatusKind> {
    use StatusKind::{Claimed, Due, Held, InDoubt, Published, Refused, Withdrawn};
    Some(match (status, event) {
        (Status::Held { .. }, Event::Release { .. }) => Due,
        (Status::Held { .. }, Event::Withdraw(_)) => Withdrawn,
        (Status::Due { .. }, Event::Withdraw(_)) => Withdrawn,
        (Status::Due { .. }, Event::Unfit(_)) => Held,
        (Status::Due { .. }, Event::Hold(_)) => Held,
        (Status::Due { .. }, Event::Staged) => Due,
        (Status::Due { .. }, Event::Claim { .. }) => Claimed,
        (Status::Claimed { .. }, Event::Published(_)) => Published,
        (Status::Claimed { maybe: false, .. }, Event::Refused(_)) => Refused,
        (Status::Claimed { maybe: false, .. }, Event::Later { exhausted: None, .. }) => Due,
        (Status::Claimed { maybe: false, .. }, Event::Later { exhausted: Some(_), .. }) => Refused,
        (Status::Claimed { .. }, Event::Doubt { .. }) => InDoubt,
        (Status::InDoubt { .. }, Event::Looked { .. }) => InDoubt,
        (Status::InDoubt { .. }, Event::Found(_)) => Published,
        (
            Status::Baseline
            | Status::Held { .. }
            | Status::Due { .. }
            | Status::Refused { .. }
            | Status::Withdrawn { .. },
            Event::Elsewhere(_),
        ) => Published,
        (Status::InDoubt { .. }, Event::Absent { .. }) => Due,
        (Status::InDoubt { .. }, Event::Repeat { .. }) => Claimed,
        (Status::Withdrawn { reason: WithdrawReason::Vanished }, Event::Return { .. }) => Due,
        _ => return None,
    })
}

#[test]
fn the_whole_table_or_a_reader_would_be_told_twice() {
    let mut legal = 0;
    for status in statuses() {
        for event in events() {
            let got = status.after(event.clone());
            match allowed(&status, &event) {
                Some(kind) => {
                    legal += 1;
                    assert_eq!(got.map(|s| s.kind()), Ok(kind), "{status:?} {event:?}");
                }
                None => assert!(got.is_err(), "{status:?} took {event:?}"),
            }
        }
    }
    assert_eq!(legal, 30);
}

#[test]
fn nothing_leaves_published_refused_or_baseline() {
    for status in statuses() {
        for event in events() {
            // That another hand has posted it may come to be known, and is as final then.
            let is_known = matches!(
                (&status, &event),
                (Status::Baseline | Status::Refused { .. }, Event::Elsewhere(_))
            );
            let is_final = matches!(
                status.kind(),
                StatusKind::Published | StatusKind::Refused | StatusKind::Baseline
            );
            if is_final && !is_known {
                assert!(status.after(event.clone()).is_err(), "{status:?} {event:?}");
            }
        }
    }
}

#[test]
fn a_repeat_that_is_refused_does_not_prove_that_the_first_was_not_seen() {
    let repeated = Status::Claimed { attempt: 2, permit: 8, maybe: true };
    assert!(repeated.after(Event::Refused("422".into())).is_err());
    assert!(repeated.after(Event::Later { not_before: T, exhausted: None }).is_err());
    assert!(repeated.after(Event::Doubt { evidence: "422".into(), next_look: T }).is_ok());
}

#[test]
fn attempts_are_counted_across_doubt_and_delay() {
    let due = Status::Due { attempt: 2, not_before: T };
    let claimed = due.after(Event::Claim { permit: 7 }).expect("due can be claimed");
    assert_eq!(claimed, Status::Claimed { attempt: 3, permit: 7, maybe: false });
    let doubt = claimed
        .after(Event::Doubt { evidence: "reset".into(), next_look: T })
        .expect("claimed can fall into doubt");
    let repeated = doubt.after(Event::Repeat { permit: 8 }).expect("doubt can be repeated");
    assert_eq!(repeated, Status::Claimed { attempt: 4, permit: 8, maybe: true });
}

#[test]
fn a_status_survives_its_written_form() {
    for status in statuses() {
        let text = serde_json::to_string(&status).expect("a status can be written");
        let back: Status = serde_json::from_str(&text).expect("and read");
        assert_eq!(back, status, "{text}");
    }
}
