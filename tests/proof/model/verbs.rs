//! The ledger's verbs, step for step as `ledger/embedded` has them. Whatever moves a row goes through
//! [`Verbs::apply`], and so through the real `Status::after`.

use oncecast::model::{Event, How, Status, WithdrawReason};

use super::setup::{
    ABSENT_AFTER, ABSENT_SENDS_MAX, CAP_TICKS, Cut, DOUBT_AFTER, Proved, Setup, TICK,
};
use super::sights::{Sight, Sights};
use super::world::{Entered, Find, Ledger, Row, Stand, Truth, broken, receipt, time};

/// One transaction of the ledger.
pub(super) struct Verbs<'a> {
    pub(super) setup: &'a Setup,
    pub(super) sights: &'a Sights,
    pub(super) ledger: &'a mut Ledger,
    pub(super) truth: &'a mut [Truth],
    pub(super) broken: &'a mut u8,
    pub(super) now: u8,
}

impl Verbs<'_> {
    pub(super) fn row(&mut self, at: u8) -> &mut Row {
        &mut self.ledger.rows[usize::from(at)]
    }

    /// Moves a row.
    pub(super) fn apply(&mut self, at: u8, event: Event) {
        let now = self.now;
        let row = self.row(at);
        let before = row.stand;
        match before.after(event) {
            Ok(stand) => {
                row.stand = stand;
                if stand.kind() != before.kind() {
                    row.since = now;
                }
            }
            // The ledger refuses such a transaction whole; none of ours may ever ask for one.
            Err(_) => *self.broken |= broken::ILLEGAL,
        }
    }

    /// Puts a row where no event leads: only what is cut does so.
    fn force(&mut self, at: u8, stand: Stand) {
        if matches!(self.row(at).stand, Stand::Published { .. }) {
            *self.broken |= broken::PUBLISHED_MOVED;
        }
        let now = self.now;
        let row = self.row(at);
        row.stand = stand;
        row.since = now;
    }

    /// `admit`: what the feed shows, as the real admission decides on it.
    pub(super) fn admit(&mut self, guise: u8, life: u8, trusts: bool) {
        let doubtful = self.ledger.adopted || (self.setup.mends.news_held && !trusts);
        let plan = self.setup.names.plan(&self.ledger.entries, self.setup.posts, guise);
        for (post, (known, hold)) in (0..).zip(plan) {
            let ignored = self.setup.cuts(Cut::AliasesIgnored) && {
                let shows = |e: &&Entered| e.post == post && e.guises & (1 << guise) != 0;
                !self.ledger.entries.iter().any(|e| shows(&e))
            };
            let known = known.filter(|_| !ignored);
            if let Some(known) = known {
                let entered = &mut self.ledger.entries[usize::from(known)];
                if entered.guises & (1 << guise) == 0 {
                    self.sights.note(Sight::Recognised);
                }
                entered.guises |= 1 << guise;
                continue;
            }
            let entry = u8::try_from(self.ledger.entries.len()).expect("few");
            let first = super::names::name(post, guise);
            self.ledger.entries.push(Entered { post, first, guises: 1 << guise, life });
            for group in 0..self.setup.groups {
                let stand = match hold || doubtful {
                    true => Stand::Held,
                    false => Stand::Due { attempt: 0, not_before: self.now },
                };
                self.ledger.rows.push(Row {
                    entry,
                    group,
                    generation: 1,
                    stand,
                    since: self.now,
                    first_sent: None,
                    haunted: false,
                    absent: None,
                });
            }
        }
        self.ledger.adopted &= !trusts;
    }

    /// `claim`.
    pub(super) fn claim(&mut self, at: u8, trusts: bool) -> Option<u8> {
        let row = *self.row(at);
        match row.stand {
            Stand::Due { not_before, .. } if not_before <= self.now => {}
            _ if self.setup.cuts(Cut::ClaimComparesNothing) => {}
            _ => {
                self.sights.note(Sight::StaleChoice);
                return None;
            }
        }
        let ghost = self.ledger.ghosts & (1 << self.ledger.key_of(&row)) != 0;
        if ghost && !row.haunted && !self.setup.cuts(Cut::GhostsIgnored) {
            let row = self.row(at);
            row.first_sent = Some(0);
            row.haunted = true;
            let next_look = time(self.now);
            self.apply(at, Event::Claim { permit: 0 });
            self.apply(at, Event::Doubt { evidence: String::new(), next_look });
            self.sights.note(Sight::Haunted);
            return None;
        }
        self.grant(at, trusts, false)
    }

    /// `reclaim`.
    pub(super) fn reclaim(&mut self, at: u8, trusts: bool) -> Option<u8> {
        let setup = self.setup;
        let row = *self.row(at);
        let (Stand::InDoubt { .. }, Some(first)) = (row.stand, row.first_sent) else { return None };
        if row.haunted && !setup.cuts(Cut::RepeatOfTheHaunted) {
            return None;
        }
        if setup.mends.reclaim_waits && row.since + DOUBT_AFTER > self.now {
            return None;
        }
        if self.ledger.is_replaced(&row) && !setup.cuts(Cut::RepeatOfTheReplaced) {
            return None;
        }
        // What a lost ledger sent was sent any time ago.
        let elapsed = match row.haunted {
            true => std::time::Duration::MAX - TICK,
            false => time(self.now).since(time(first)),
        };
        let allowed = match setup.class.guarantee.repeatable_for() {
            None => setup.cuts(Cut::RepeatOfTheBlind),
            Some(window) => elapsed < window || setup.cuts(Cut::WindowIgnored),
        };
        if !allowed {
            return None;
        }
        self.grant(at, trusts, true)
    }

    fn grant(&mut self, at: u8, trusts: bool, repeat: bool) -> Option<u8> {
        if !trusts {
            self.sights.note(Sight::Observed);
            return None;
        }
        if self.is_capped() && !self.setup.cuts(Cut::CapOutsideTheClaim) {
            self.sights.note(Sight::Capped);
            return None;
        }
        self.ledger.claim += 1;
        let permit = self.ledger.claim;
        let now = self.now;
        let from_last = self.setup.cuts(Cut::WindowFromLastSend);
        let row = self.row(at);
        row.first_sent = if from_last { Some(now) } else { row.first_sent.or(Some(now)) };
        row.absent = None;
        let before = row.stand;
        let event = match repeat {
            true => Event::Repeat { permit: permit.into() },
            false => Event::Claim { permit: permit.into() },
        };
        if self.setup.cuts(Cut::ClaimComparesNothing) && before.after(event.clone()).is_err() {
            self.force(at, Stand::Claimed { attempt: 9, permit, maybe: false });
        } else {
            self.apply(at, event);
        }
        if self.setup.cuts(Cut::MaybeDropped)
            && let Stand::Claimed { maybe, .. } = &mut self.row(at).stand
        {
            *maybe = false;
        }
        if self.setup.cap.is_some() {
            self.ledger.claims.push(now);
        }
        Some(permit)
    }

    /// Whether the lane's cap is reached.
    pub(super) fn is_capped(&self) -> bool {
        self.setup.cap.is_some_and(|cap| {
            let inside = self.ledger.claims.iter().filter(|at| **at + CAP_TICKS > self.now).count();
            inside >= usize::from(cap)
        })
    }

    /// `settle`: one that was settled before, or was recovered, is left as it is.
    pub(super) fn settle(&mut self, at: u8, number: u8, proved: Proved) {
        let row = *self.row(at);
        let Stand::Claimed { attempt, permit, maybe } = row.stand else { return };
        if permit != number {
            return;
        }
        if proved != Proved::Published && proved != Proved::Unknown && maybe {
            self.sights.note(Sight::RefusedRepeat);
        }
        let maybe = maybe && !self.setup.cuts(Cut::RefusedRepeatBelieved);
        let next_look = time(self.now + DOUBT_AFTER);
        let doubt = Event::Doubt { evidence: String::new(), next_look };
        let event = match proved {
            Proved::Published => Event::Published(receipt(How::Answered)),
            Proved::Unknown => doubt,
            _ if maybe => doubt,
            Proved::Refused => Event::Refused(String::new()),
            Proved::Deferred | Proved::Unsent => {
                Event::Later { not_before: time(self.now), exhausted: None }
            }
        };
        if matches!(event, Event::Later { .. }) && attempt == 1 {
            self.row(at).first_sent = None;
        }
        if self.setup.cuts(Cut::RefusedRepeatBelieved)
            && let Stand::Claimed { maybe, .. } = &mut self.row(at).stand
        {
            *maybe = false;
        }
        self.apply(at, event);
    }

    /// `resolve` with what a question found.
    pub(super) fn resolve(&mut self, at: u8, found: Find) {
        if !matches!(self.row(at).stand, Stand::InDoubt { .. }) {
            return;
        }
        let next_look = time(self.now + DOUBT_AFTER);
        let event = match found {
            Find::There => {
                self.sights.note(Sight::Found);
                Event::Found(receipt(How::Asked))
            }
            _ => Event::Looked { evidence: String::new(), next_look },
        };
        self.apply(at, event);
    }

    /// `resolve` with the platform's word that it is not there, which cannot be repeated unseen: what
    /// becomes of it is the group's rule.
    pub(super) fn not_found(&mut self, at: u8) {
        let (now, setup) = (self.now, self.setup);
        let row = *self.row(at);
        let Stand::InDoubt { attempt, .. } = row.stand else { return };
        let at_once = setup.cuts(Cut::AbsentAtOnce);
        let mut apart = at_once;
        if now >= row.since + ABSENT_AFTER {
            apart |= row.absent.is_some_and(|first| first < now);
            self.row(at).absent = row.absent.or(Some(now));
        }
        let open = attempt < ABSENT_SENDS_MAX && !row.haunted && !self.ledger.is_replaced(&row);
        if setup.class.when_absent_send && open && apart {
            self.sights.note(Sight::Rule);
            self.absent(at);
        } else {
            self.resolve(at, Find::Unsure);
        }
    }

    /// A person's word, or the group's own rule, that it is not there.
    pub(super) fn absent(&mut self, at: u8) {
        if !matches!(self.row(at).stand, Stand::InDoubt { .. }) {
            return;
        }
        self.apply(at, Event::Absent { not_before: time(self.now) });
        let row = *self.row(at);
        let truth = &mut self.truth[self.ledger.truth_of(&row)];
        truth.open_calls = 0;
        truth.first_call = None;
        if self.ledger.is_replaced(&row) {
            self.withdraw(at);
        }
    }

    pub(super) fn withdraw(&mut self, at: u8) {
        self.apply(at, Event::Withdraw(WithdrawReason::Person { why: String::new() }));
    }

    /// `reopen`, with a reason where one is wanted: a generation beside the old row, which stays.
    pub(super) fn again(&mut self, at: u8) {
        let old = *self.row(at);
        self.ledger.rows.push(Row {
            generation: old.generation + 1,
            stand: Stand::Due { attempt: 0, not_before: self.now },
            since: self.now,
            first_sent: None,
            haunted: false,
            absent: None,
            ..old
        });
        if self.setup.cuts(Cut::PublishedReopens) {
            self.force(at, Stand::Due { attempt: 0, not_before: self.now });
        }
    }

    /// `recover`: claims that nobody holds any more.
    pub(super) fn recover(&mut self, after_start: bool, live: u32) {
        for at in 0..u8::try_from(self.ledger.rows.len()).expect("few") {
            let Stand::Claimed { permit, maybe, .. } = self.row(at).stand else { continue };
            let is_live = live & (1 << permit) != 0;
            if is_live && !self.setup.cuts(Cut::GrantedForgottenOnReopen) {
                continue;
            }
            let now = time(self.now);
            let later = Event::Later { not_before: now, exhausted: None };
            let doubt = Event::Doubt { evidence: String::new(), next_look: now };
            let released = self.setup.cuts(Cut::RecoveryReleases) && !maybe;
            let event = match after_start {
                true if released => later,
                true => doubt,
                false if maybe => doubt,
                false => {
                    self.sights.note(Sight::Ungranted);
                    later
                }
            };
            self.apply(at, event);
        }
    }

    /// After `adopt-restored`: what a lost ledger has done about its doubts is not known, and may just
    /// have been done.
    pub(super) fn haunt_doubts(&mut self) {
        for row in &mut self.ledger.rows {
            if matches!(row.stand, Stand::InDoubt { .. }) {
                row.haunted = true;
                row.since = self.now;
            }
        }
    }
}

/// Whether a status needs nothing more, or waits for a person who is told why.
pub(super) fn is_at_rest(status: &Stand) -> bool {
    !matches!(status, Stand::Due { .. } | Stand::Claimed { .. })
}

/// The real status is what `status` and `why` show; a row in doubt has words there.
#[test]
fn whoever_waits_is_seen_to_wait() {
    let doubt = Stand::InDoubt { attempt: 1, next_look: 2 };
    assert!(is_at_rest(&doubt) && !is_at_rest(&Stand::Due { attempt: 0, not_before: 0 }));
    assert_eq!(
        doubt.kind(),
        Status::kind(&Status::InDoubt {
            attempt: 1,
            evidence: "timeout".to_owned(),
            next_look: time(2),
            looks: 0,
        })
    );
}
