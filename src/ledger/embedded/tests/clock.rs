//! What readers would suffer if setting a machine's clock could open a cap, or close one for ever.

use proptest::prelude::*;

use super::*;
use crate::ledger::Work;
use crate::model::HoldReason;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;
const CAPS: Caps = Caps { per_10m: 3, per_hour: 6, per_day: 20 };

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A machine whose clock can be set, and a ledger on it.
struct Machine {
    folder: tempfile::TempDir,
    clock: Arc<TokioClock>,
    open: Option<Opened>,
    /// What everybody else's clock says.
    truth: Time,
    /// When readers were told, by everybody else's clock.
    told: Vec<Time>,
    entries: Vec<Entry>,
}

impl Machine {
    fn at(clock: Time, truth: Time) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = TokioClock::starting_at(clock);
        let mut machine =
            Self { folder, clock, open: None, truth, told: Vec::new(), entries: Vec::new() };
        machine.start();
        machine
    }

    fn start(&mut self) {
        let mut open = open_at(self.folder.path(), self.clock.clone(), None);
        let mut setup = setup(&["readers"]);
        setup.lanes[0].caps = CAPS;
        setup.policy.burst = 1_000;
        setup.policy.share = 1.0;
        setup.policy.max_age = seconds(7 * DAY);
        run(&mut open, |batch| batch.configure(setup)).expect("configured");
        self.open = Some(open);
    }

    fn ledger(&mut self) -> &mut Opened {
        self.open.as_mut().expect("it runs")
    }

    /// The blog shows more posts, dated now by its own clock.
    fn publish(&mut self, more: usize) {
        let from = self.entries.len();
        self.entries.extend((from..from + more).map(|n| Entry {
            guid: Some(format!("post {n}")),
            link: Some(format!("http://blog.example/{n}")),
            published: Some(self.truth),
            ..Entry::default()
        }));
        let sight = Sight::Document { entries: self.entries.clone(), complete: true };
        let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
        run(self.ledger(), move |batch| batch.admit(intake)).expect("admitted");
    }

    /// Tells readers as much as is allowed now.
    fn tell(&mut self) {
        loop {
            let due = run(self.ledger(), |batch| batch.due("lane")).expect("readable");
            let Some(Work::Due(work)) = due.work else { return };
            let id = work.id;
            match claim(self.ledger(), id) {
                Claim::Granted(permit) => {
                    self.told.push(self.truth);
                    let number = permit.number();
                    run(self.ledger(), move |batch| batch.settle(id, number, &published(), None))
                        .expect("settled");
                }
                Claim::NotNow { .. } => return,
                claim @ Claim::Gone(_) => panic!("{claim:?}"),
            }
        }
    }

    /// Time goes by, and a daemon looks about once in a while.
    async fn pass(&mut self, span: Duration) {
        let step = span / 8;
        for _ in 0..8 {
            tokio::time::advance(step).await;
            self.truth = self.truth.plus(step);
            self.tell();
        }
        self.poll();
    }

    /// A poll that failed is a commit, and so the ledger keeps what it has learnt of time.
    fn poll(&mut self) {
        let intake =
            Intake { feed: "blog".into(), sight: Sight::Nothing, state: FeedState::default() };
        run(self.ledger(), move |batch| batch.admit(intake)).expect("admitted");
    }

    /// Sets the clock wrong by so many seconds.
    fn jump(&mut self, by: i64) {
        let to = match by {
            0.. => self.truth.plus(seconds(by.unsigned_abs())),
            _ => self.truth.minus(seconds(by.unsigned_abs())),
        };
        self.clock.jump(to);
        self.tell();
    }

    /// The machine is off for a while; its clock then says anything, until the network sets it.
    async fn reboot(&mut self, off: Duration, wrong: i64, set_after: Duration) {
        self.jump(0);
        self.pass(seconds(2 * MINUTE)).await;
        self.open = None;
        tokio::time::advance(off).await;
        self.truth = self.truth.plus(off);
        self.clock.reboot();
        self.clock.jump(match wrong {
            i64::MIN => Time::EPOCH,
            0.. => self.truth.plus(seconds(wrong.unsigned_abs())),
            _ => self.truth.minus(seconds(wrong.unsigned_abs())),
        });
        self.start();
        self.pass(set_after).await;
        self.jump(0);
    }

    fn most_within(&self, window: Duration) -> usize {
        let within = |from: &Time| {
            let inside = |t: &&Time| *t >= from && t.since(*from) < window;
            self.told.iter().filter(inside).count()
        };
        self.told.iter().map(within).max().unwrap_or(0)
    }
}

#[derive(Debug, Clone)]
enum Step {
    Pass(u64),
    Jump(i64),
    Restart,
    Reboot { off: u64, wrong: i64, set_after: u64 },
}

fn wrong() -> impl Strategy<Value = i64> {
    let span = |span: u64| -(span as i64)..span as i64;
    prop_oneof![span(2 * MINUTE), span(3 * HOUR), span(3 * DAY), span(80 * YEAR), Just(0)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..2 * HOUR).prop_map(Step::Pass),
        2 => wrong().prop_map(Step::Jump),
        1 => Just(Step::Restart),
        1 => (0..6 * HOUR, prop_oneof![wrong(), Just(i64::MIN)], 0..30 * HOUR)
            .prop_map(|(off, wrong, set_after)| Step::Reboot { off, wrong, set_after }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// A flood whenever the clock is set: no trailing window of anybody's watch holds more than its cap, and
    /// once the clock is right the lane goes on.
    #[test]
    fn no_jump_of_the_clock_opens_a_cap_or_closes_it_for_ever(
        steps in prop::collection::vec(step(), 1..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut machine = Machine::at(START, START);
            machine.publish(1);
            machine.publish(120);
            for step in steps {
                match step {
                    Step::Pass(span) => machine.pass(seconds(span)).await,
                    Step::Jump(by) => machine.jump(by),
                    Step::Restart => {
                        machine.open = None;
                        machine.start();
                    }
                    Step::Reboot { off, wrong, set_after } => {
                        machine.reboot(seconds(off), wrong, seconds(set_after)).await;
                    }
                }
            }
            for (window, allowed) in CAPS.windows() {
                let most = machine.most_within(window);
                prop_assert!(most <= allowed as usize, "{most} in {window:?}");
            }
            machine.jump(0);
            let before = machine.told.len();
            for _ in 0..48 {
                machine.pass(seconds(HOUR)).await;
            }
            prop_assert!(machine.told.len() >= (before + 20).min(120), "{:?}", machine.told);
            Ok(())
        })?;
    }
}

/// A machine without a battery starts in 1970: every post would be from the future, and wait for ever.
#[tokio::test(start_paused = true)]
async fn a_first_start_in_1970_holds_no_post_and_repeats_none_when_the_clock_is_set() {
    let mut machine = Machine::at(Time::from_millis(12_000), START);
    machine.publish(1);
    machine.publish(1);
    machine.tell();
    assert_eq!(machine.told.len(), 1, "the post from the future of this machine");
    machine.jump(0);
    machine.pass(seconds(HOUR)).await;
    machine.publish(1);
    machine.pass(seconds(HOUR)).await;
    assert_eq!(machine.told.len(), 2);
    let wall = machine.clock.now();
    assert!(machine.ledger().core.now().since(wall) < seconds(5), "it follows the clock");
}

/// Nobody would know why the ledger tells another time than the machine: it says so until it has followed.
#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_is_told_of_until_it_is_followed() {
    let mut machine = Machine::at(START, START);
    machine.publish(1);
    let trouble = |machine: &mut Machine| {
        run(machine.ledger(), |batch| batch.overview(0)).expect("readable").clock
    };
    assert_eq!(trouble(&mut machine), None);
    machine.jump(3 * HOUR as i64);
    machine.poll();
    let words = trouble(&mut machine).expect("it is told");
    assert!(words.contains("was set") && words.contains("goes by a counter"), "{words}");
    machine.truth = machine.clock.now();
    machine.pass(seconds(2 * MINUTE)).await;
    assert_eq!(trouble(&mut machine), None, "it has followed");
    machine.clock.jump(Time::EPOCH);
    machine.poll();
    let words = trouble(&mut machine).expect("it is told");
    assert!(words.contains("is not set"), "{words}");
}

/// The clock says 2106 for a moment, and everything new would be held as eighty years old.
#[tokio::test(start_paused = true)]
async fn a_moment_in_2106_holds_nothing_that_is_new() {
    let mut machine = Machine::at(START, START);
    machine.publish(1);
    machine.jump((80 * YEAR) as i64);
    machine.publish(1);
    machine.tell();
    assert_eq!(machine.told.len(), 1);
    machine.jump(0);
    machine.pass(seconds(DAY)).await;
    machine.publish(1);
    machine.tell();
    assert_eq!(machine.told.len(), 2);
}

/// A post that is really old, and one that is really from next week, are held by a clock that is right.
#[tokio::test(start_paused = true)]
async fn dates_still_count_where_the_clock_is_right() {
    let mut machine = Machine::at(START, START);
    machine.publish(1);
    for wrong in [8 * DAY as i64, -(2 * DAY as i64)] {
        let truth = machine.truth;
        machine.truth = match wrong {
            0.. => truth.minus(seconds(wrong.unsigned_abs())),
            _ => truth.plus(seconds(wrong.unsigned_abs())),
        };
        machine.publish(1);
        machine.truth = truth;
        let entry = machine.entries.len() as u64;
        let id = DeliveryId { entry, ..FIRST };
        let status = status(machine.ledger(), id);
        let reason = if wrong > 0 { HoldReason::Stale } else { HoldReason::Future };
        assert!(matches!(&status, Status::Held { reason: r } if *r == reason), "{status:?}");
    }
}

/// A lane that rests for ten minutes would rest for a year when the clock goes back by one.
#[tokio::test(start_paused = true)]
async fn what_waits_waits_as_long_as_it_was_told_to() {
    for by in [-(YEAR as i64), -(3 * HOUR as i64), 3 * HOUR as i64, YEAR as i64] {
        let mut machine = Machine::at(START, START);
        machine.publish(1);
        machine.publish(1);
        let number = granted(machine.ledger(), FIRST);
        let later = Outcome::Deferred {
            cause: DeferCause::Overloaded,
            wait: Some(seconds(30 * MINUTE)),
            reason: "busy".into(),
        };
        run(machine.ledger(), move |batch| batch.settle(FIRST, number, &later, None))
            .expect("settled");
        machine.jump(by);
        machine.pass(seconds(29 * MINUTE)).await;
        assert!(machine.told.is_empty(), "too early after a jump by {by} s");
        machine.pass(seconds(8 * MINUTE)).await;
        assert_eq!(machine.told.len(), 1, "late after a jump by {by} s");
    }
}

/// A repeat past the window of its key is a second post, however young the clock makes it look.
#[tokio::test(start_paused = true)]
async fn no_jump_makes_a_key_younger_than_it_is() {
    let keyed = Guarantee::Keyed { window: seconds(HOUR) };
    for by in [-(YEAR as i64), -(30 * MINUTE as i64), 0] {
        let mut machine = Machine::at(START, START);
        machine.publish(1);
        machine.publish(1);
        let number = granted(machine.ledger(), FIRST);
        let lost = Outcome::Unknown { reason: "no answer".into() };
        run(machine.ledger(), move |batch| batch.settle(FIRST, number, &lost, None))
            .expect("settled");
        machine.jump(by);
        for _ in 0..50 {
            tokio::time::advance(seconds(MINUTE)).await;
            // A daemon writes in between, and so the ledger follows the clock.
            machine.publish(0);
        }
        let claim = run(machine.ledger(), move |batch| batch.reclaim(FIRST, keyed));
        let claim = claim.expect("answered");
        let is_over = matches!(&claim, Claim::NotNow { wait: None, why } if why.contains("over"));
        assert!(is_over, "after a jump by {by} s: {claim:?}");
    }
}

/// A machine without a battery, whose network sets its date a week too far: what it sent this morning looked
/// old, and readers got a second day's worth.
#[tokio::test(start_paused = true)]
async fn a_wrong_date_after_a_boot_makes_no_claim_older_than_it_is() {
    for wrong in [7 * DAY as i64, 80 * YEAR as i64, -(7 * DAY as i64), i64::MIN] {
        let mut machine = Machine::at(START, START);
        machine.publish(1);
        machine.publish(60);
        for _ in 0..4 {
            machine.pass(seconds(HOUR)).await;
        }
        assert_eq!(machine.told.len(), 20, "its cap of a day");
        machine.reboot(seconds(MINUTE), wrong, seconds(12 * HOUR)).await;
        assert_eq!(machine.told.len(), 20, "by {wrong} s: nothing more within the day");
        // A second boot takes nothing back of the first, and nothing waits for longer than a day.
        machine.reboot(seconds(MINUTE), wrong, seconds(HOUR)).await;
        for _ in 0..12 {
            machine.pass(seconds(HOUR)).await;
        }
        assert_eq!(machine.told.len(), 40, "by {wrong} s: the next day");
    }
}

/// The machine was off for a day while a receiver that cannot be asked forgot the key, and its clock says
/// that it was a minute: the repeat is a second post.
#[tokio::test(start_paused = true)]
async fn no_key_is_repeated_after_a_time_that_nobody_counted() {
    let keyed = Guarantee::Keyed { window: seconds(HOUR) };
    for wrong in [0, -(DAY as i64), DAY as i64] {
        let mut machine = Machine::at(START, START);
        machine.publish(1);
        machine.publish(1);
        let number = granted(machine.ledger(), FIRST);
        let lost = Outcome::Unknown { reason: "no answer".into() };
        run(machine.ledger(), move |batch| batch.settle(FIRST, number, &lost, None))
            .expect("settled");
        machine.reboot(seconds(DAY), wrong, seconds(11 * MINUTE)).await;
        machine.pass(seconds(11 * MINUTE)).await;
        let claim = run(machine.ledger(), move |batch| batch.reclaim(FIRST, keyed));
        let claim = claim.expect("answered");
        let waits = matches!(&claim, Claim::NotNow { wait: None, why } if why.contains("off"));
        assert!(waits, "by {wrong} s: {claim:?}");
        // What was sent since is counted again, and repeated as ever.
        machine.publish(1);
        let next = DeliveryId { entry: 3, ..FIRST };
        let number = granted(machine.ledger(), next);
        let lost = Outcome::Unknown { reason: "no answer".into() };
        run(machine.ledger(), move |batch| batch.settle(next, number, &lost, None))
            .expect("settled");
        tokio::time::advance(seconds(5 * MINUTE)).await;
        let claim = run(machine.ledger(), move |batch| batch.reclaim(next, keyed));
        let claim = claim.expect("answered");
        assert!(matches!(claim, Claim::Granted(_)), "by {wrong} s: {claim:?}");
    }
}

/// The machine boots with its clock a week ahead, and a post leaves in the very moment of the start: left
/// where it was when the clock is set, its key would look young for a week, and be repeated long after the
/// platform has forgotten it.
#[tokio::test(start_paused = true)]
async fn what_was_sent_in_the_moment_of_a_start_moves_with_the_clock() {
    let keyed = Guarantee::Keyed { window: seconds(HOUR) };
    for wrong in [0, 3 * HOUR, 7 * DAY] {
        let mut machine = Machine::at(START, START);
        machine.publish(1);
        machine.publish(1);
        machine.open = None;
        machine.clock.reboot();
        machine.clock.jump(START.plus(seconds(wrong)));
        machine.start();
        let number = granted(machine.ledger(), FIRST);
        let lost = Outcome::Unknown { reason: "no answer".into() };
        run(machine.ledger(), move |batch| batch.settle(FIRST, number, &lost, None))
            .expect("settled");
        tokio::time::advance(seconds(MINUTE)).await;
        machine.clock.jump(START.plus(seconds(MINUTE)));
        for _ in 0..70 {
            tokio::time::advance(seconds(MINUTE)).await;
            machine.publish(0);
        }
        let claim = run(machine.ledger(), move |batch| batch.reclaim(FIRST, keyed));
        let claim = claim.expect("answered");
        let is_over = matches!(&claim, Claim::NotNow { wait: None, why } if why.contains("over"));
        assert!(is_over, "ahead by {wrong} s: {claim:?}");
    }
}
