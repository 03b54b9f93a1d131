//! The wall against a daemon that falls over again and again.

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// A daemon that begins, on a ledger with one entry that is owed.
fn begun(folder: &Path, clock: &Arc<TokioClock>) -> Opened {
    let mut open = open_at(folder, Arc::clone(clock) as Arc<dyn Clock>, None);
    run(&mut open, |batch| batch.configure(setup(&["readers"]))).expect("configured");
    run(&mut open, |batch| batch.begin_daemon()).expect("begun");
    open
}

fn owed(folder: &Path, clock: &Arc<TokioClock>) -> Opened {
    let mut open = begun(folder, clock);
    see(&mut open, &["old"]);
    see(&mut open, &["old", "new"]);
    open
}

/// Why nothing is sent, if nothing is.
fn stopped(open: &mut Opened) -> Option<String> {
    run(open, |batch| batch.stopped()).expect("readable")
}

/// The answer to a claim, and whether it was granted.
fn is_granted(open: &mut Opened) -> bool {
    match claim(open, FIRST) {
        Claim::Granted(_) => true,
        Claim::NotNow { wait, why } => {
            assert!(why.contains("fell over") && wait.is_some_and(|w| w <= 30 * MINUTE), "{why}");
            false
        }
        other @ Claim::Gone(_) => panic!("{other:?}"),
    }
}

/// A post whose answer fells the daemon is sent at every start: each is a start, none is a restart too
/// many, until readers have had two hundred.
#[tokio::test(start_paused = true)]
async fn the_third_unclean_start_in_ten_minutes_only_observes() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = TokioClock::starting_at(START);
    drop(owed(folder.path(), &clock));
    for unclean in 1..=3 {
        tokio::time::advance(4 * MINUTE).await;
        let mut open = begun(folder.path(), &clock);
        assert_eq!(stopped(&mut open).is_some(), unclean == 3, "after {unclean}");
    }
    // It is not forgotten by a start that follows a clean end, and it is over by itself.
    let mut open = begun(folder.path(), &clock);
    run(&mut open, |batch| batch.end_daemon()).expect("ended");
    drop(open);
    tokio::time::advance(29 * MINUTE).await;
    let mut open = begun(folder.path(), &clock);
    assert!(stopped(&mut open).is_some_and(|why| why.contains("fell over")));
    assert!(!is_granted(&mut open), "nothing is sent");
    see(&mut open, &["old", "new", "newer"]);
    assert!(status(&mut open, DeliveryId { entry: 3, ..FIRST }).kind() == StatusKind::Due);
    tokio::time::advance(MINUTE).await;
    assert_eq!(stopped(&mut open), None);
    assert!(is_granted(&mut open), "half an hour is over");
}

/// The blog's next post would wait for a person who need not have come.
#[tokio::test(start_paused = true)]
async fn clean_ends_and_rare_falls_count_for_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = TokioClock::starting_at(START);
    drop(owed(folder.path(), &clock));
    for _ in 0..9 {
        let mut open = begun(folder.path(), &clock);
        run(&mut open, |batch| batch.end_daemon()).expect("ended");
    }
    for _ in 0..9 {
        tokio::time::advance(5 * MINUTE + Duration::from_secs(1)).await;
        let mut open = begun(folder.path(), &clock);
        assert_eq!(stopped(&mut open), None);
    }
    tokio::time::advance(5 * MINUTE).await;
    assert!(is_granted(&mut begun(folder.path(), &clock)));
}

/// A person who has looked need not wait, and one who has switched it off is not stopped.
#[tokio::test(start_paused = true)]
async fn a_person_lets_it_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = TokioClock::starting_at(START);
    drop(owed(folder.path(), &clock));
    for _ in 0..3 {
        drop(begun(folder.path(), &clock));
    }
    let mut open = begun(folder.path(), &clock);
    assert!(stopped(&mut open).is_some());
    let mut off = setup(&["readers"]);
    off.policy.crash_loop = 0;
    run(&mut open, |batch| batch.configure(off)).expect("configured");
    assert_eq!(stopped(&mut open), None, "it is off");
    run(&mut open, |batch| batch.configure(setup(&["readers"]))).expect("configured");
    assert!(stopped(&mut open).is_some());
    run(&mut open, |batch| batch.resume(Some("lane"), "test")).expect("resumed");
    assert!(stopped(&mut open).is_some(), "one lane is not all");
    run(&mut open, |batch| batch.resume(None, "test")).expect("resumed");
    assert!(is_granted(&mut open), "a person has looked");
    drop(open);
    assert_eq!(stopped(&mut begun(folder.path(), &clock)), None, "what was before counts no more");
}

/// A clock that leaps by hours between the falls would hide the loop, or hold posts for hours.
#[tokio::test(start_paused = true)]
async fn a_set_clock_neither_hides_nor_lengthens_it() {
    for leap in [-86_400_i64, 86_400] {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = TokioClock::starting_at(START);
        drop(owed(folder.path(), &clock));
        drop(begun(folder.path(), &clock));
        let mut open = begun(folder.path(), &clock);
        let day = Duration::from_secs(86_400);
        let now = clock.now();
        clock.jump(if leap < 0 { now.minus(day) } else { now.plus(day) });
        for _ in 0..3 {
            tokio::time::advance(MINUTE).await;
            see(&mut open, &["old", "new"]);
        }
        drop(open);
        let mut open = begun(folder.path(), &clock);
        assert!(stopped(&mut open).is_some(), "by {leap} s: the third start in three minutes");
        tokio::time::advance(30 * MINUTE).await;
        assert!(is_granted(&mut open), "by {leap} s: half an hour is over");
    }
}

/// A full disk at the start must not hide the start, nor keep the daemon from saying so.
#[tokio::test(start_paused = true)]
async fn a_start_that_was_not_written_down_is_written_before_any_permit() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = TokioClock::starting_at(START);
    drop(owed(folder.path(), &clock));
    for _ in 0..2 {
        drop(begun(folder.path(), &clock));
    }
    let mut open = open_at(folder.path(), Arc::clone(&clock) as Arc<dyn Clock>, None);
    run(&mut open, |batch| batch.configure(setup(&["readers"]))).expect("configured");
    lose(&mut open, |batch| batch.begin_daemon());
    assert!(!is_granted(&mut open), "the third unclean start");
}
