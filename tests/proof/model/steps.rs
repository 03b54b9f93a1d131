//! What may happen next, and what it does: the daemon's steps with a crash possible between any two, the
//! platform's, the network's, a person's, and time.

use super::names::GUISES;
use super::setup::{
    Asks, Cut, DOUBT_AFTER, Deletes, LATE_MAX, Left, Manner, Proved, Setup, WINDOW,
};
use super::sights::{Sight, Sights};
use super::verbs::Verbs;
use super::world::{Call, Find, Node, Row, Stand, Task, World, broken};

/// How a commit ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Fate {
    Holds,
    /// It is told to have failed, and is durable.
    FailsDurable,
    /// It failed.
    Fails,
}

/// One step of anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Act {
    Poll,
    Rename,
    Start { node: u8, adopt: bool },
    Kill { node: u8 },
    Stop { node: u8 },
    Reopen { node: u8 },
    Choose { node: u8, task: u8, row: u8 },
    Ask { node: u8, task: u8, row: u8, unsure: bool },
    Claim { node: u8, task: u8, fate: Fate },
    Conclude { node: u8, task: u8, fate: Fate },
    Witness { node: u8, task: u8, fails: bool },
    Send { node: u8, task: u8 },
    CannotConnect { node: u8, task: u8 },
    Drop { node: u8, task: u8 },
    GiveUp { node: u8, task: u8 },
    Settle { node: u8, task: u8, fate: Fate },
    Hear { call: u8, status: u16 },
    Vanish { call: u8 },
    Show { call: u8, status: u16 },
    SayThere { row: u8 },
    SayAbsent { row: u8 },
    Again { row: u8 },
    Withdraw { row: u8 },
    Backup,
    Restore,
    Delete { truth: u8 },
    Tick,
}

/// Another id than the one that every attempt of a delivery has.
const OTHER: u8 = 7;

/// The id that we derive for a delivery, as a bit: it comes of the entry's first name and of when it was
/// entered.
fn id_of(world: &World, row: &Row) -> u8 {
    let entered = &world.ledger.entries[usize::from(row.entry)];
    1 << (entered.first % GUISES + GUISES * entered.life)
}

/// A setup at work.
#[derive(Debug, Clone)]
pub(super) struct Protocol {
    pub(super) setup: Setup,
    pub(super) sights: Sights,
    pub(super) no: Proved,
    pub(super) later: Proved,
    pub(super) server_error: Proved,
    pub(super) yes: Proved,
}

impl Protocol {
    pub(super) fn of(setup: Setup) -> Self {
        let [yes, no, later, server_error] = [201, 422, 429, 502].map(Proved::by_status);
        Self { setup, sights: Sights::default(), no, later, server_error, yes }
    }

    fn proved(&self, status: u16) -> Proved {
        match status {
            201 => self.yes,
            422 => self.no,
            429 => self.later,
            _ if self.setup.cuts(Cut::ServerErrorIsUnsent) => Proved::Unsent,
            _ => self.server_error,
        }
    }

    fn cuts(&self, cut: Cut) -> bool {
        self.setup.cuts(cut)
    }

    fn verbs<'a>(&'a self, world: &'a mut World) -> Verbs<'a> {
        Verbs {
            setup: &self.setup,
            sights: &self.sights,
            ledger: &mut world.ledger,
            truth: &mut world.truth,
            broken: &mut world.broken,
            now: world.now,
        }
    }

    /// Everything that may happen next.
    pub(super) fn acts(&self, world: &World, acts: &mut Vec<Act>) {
        let left = &world.left;
        let all_down = world.nodes.iter().all(|node| !node.up);
        // Daemons that are down are all the same, and the lock lets one run.
        let starts = world.nodes.iter().position(|node| !node.up);
        if let Some(node) = starts.filter(|_| all_down || !self.setup.lock) {
            let node = u8::try_from(node).expect("few");
            acts.push(Act::Start { node, adopt: false });
            if !self.is_whole(world) {
                acts.push(Act::Start { node, adopt: true });
            }
        }
        for (at, node) in (0..).zip(&world.nodes).filter(|(_, node)| node.up) {
            self.acts_of_node(world, at, node, acts);
        }
        let is_new = |post| {
            let bit = 1 << world.guise;
            !world.ledger.entries.iter().any(|e| e.post == post && e.guises & bit != 0)
        };
        let polls = world.nodes.iter().any(|node| node.up && !node.sick);
        if polls && (0..self.setup.posts).any(is_new) {
            acts.push(Act::Poll);
        }
        if left.renames > 0 {
            acts.push(Act::Rename);
        }
        for (at, call) in (0..).zip(&world.calls) {
            if call.taken {
                acts.push(Act::Show { call: at, status: 201 });
                if left.lost > 0 {
                    acts.push(Act::Show { call: at, status: 502 });
                }
                continue;
            }
            acts.push(Act::Hear { call: at, status: 201 });
            let faults = [(left.noes, 422), (left.laters, 429), (left.lost, 502)];
            for (_, status) in faults.into_iter().filter(|(left, _)| *left > 0) {
                acts.push(Act::Hear { call: at, status });
            }
            if left.lost > 0 {
                acts.push(Act::Vanish { call: at });
            }
        }
        self.acts_of_people(world, acts);
        if left.restores > 0 {
            match world.backup {
                None => acts.push(Act::Backup),
                Some(_) if all_down => acts.push(Act::Restore),
                Some(_) => {}
            }
        }
        let too_late = world.calls.iter().any(|call| call.age >= LATE_MAX);
        if world.now < self.setup.horizon && !(self.setup.in_time && too_late) {
            acts.push(Act::Tick);
        }
    }

    fn acts_of_node(&self, world: &World, node: u8, it: &Node, acts: &mut Vec<Act>) {
        let left = &world.left;
        if left.kills > 0 {
            acts.push(Act::Kill { node });
        }
        if it.sick {
            acts.push(Act::Reopen { node });
        }
        if !it.trusts && it.tasks.iter().all(|task| *task == Task::Idle) {
            acts.push(Act::Stop { node });
        }
        let mut before = None;
        for (task, at_work) in (0..).zip(&it.tasks) {
            // Loops at the same work are the same.
            if before.replace(at_work) == Some(at_work) {
                continue;
            }
            self.acts_of_task(world, node, task, it, acts);
        }
    }

    fn acts_of_task(&self, world: &World, node: u8, task: u8, it: &Node, acts: &mut Vec<Act>) {
        let left = &world.left;
        let fates: &[Fate] = match (it.sick, left.commits) {
            (true, _) => &[],
            (false, 0) => &[Fate::Holds],
            (false, _) => &[Fate::Holds, Fate::FailsDurable, Fate::Fails],
        };
        match it.tasks[usize::from(task)] {
            Task::Idle if it.sick || !it.trusts => {}
            Task::Idle => {
                for (row, it) in (0..).zip(&world.ledger.rows) {
                    match it.stand {
                        Stand::Due { not_before, .. } if not_before <= world.now => {
                            if !self.cuts(Cut::CapOutsideTheClaim) || !self.is_capped(world) {
                                acts.push(Act::Choose { node, task, row });
                            }
                        }
                        Stand::InDoubt { next_look, .. } => {
                            let look = next_look.max(it.since + DOUBT_AFTER);
                            if look <= world.now || self.cuts(Cut::AbsentAtOnce) {
                                acts.push(Act::Ask { node, task, row, unsure: false });
                                if left.lost > 0 && self.setup.class.asks != Asks::Cannot {
                                    acts.push(Act::Ask { node, task, row, unsure: true });
                                }
                            }
                        }
                        _ => {}
                    }
                }
            }
            Task::Chosen { .. } => {
                acts.extend(fates.iter().map(|fate| Act::Claim { node, task, fate: *fate }));
            }
            Task::Asked { .. } => {
                acts.extend(fates.iter().map(|fate| Act::Conclude { node, task, fate: *fate }));
            }
            Task::Committed { .. } => {
                acts.push(Act::Witness { node, task, fails: false });
                if left.commits > 0 {
                    acts.push(Act::Witness { node, task, fails: true });
                }
            }
            Task::Granted { .. } => {
                acts.push(Act::Send { node, task });
                if left.laters > 0 {
                    acts.push(Act::CannotConnect { node, task });
                }
                if left.drops > 0 {
                    acts.push(Act::Drop { node, task });
                }
            }
            Task::Waiting { .. } => {
                if left.lost > 0 {
                    acts.push(Act::GiveUp { node, task });
                }
                if left.drops > 0 {
                    acts.push(Act::Drop { node, task });
                }
            }
            Task::Heard { .. } => {
                acts.extend(fates.iter().map(|fate| Act::Settle { node, task, fate: *fate }));
            }
        }
    }

    fn acts_of_people(&self, world: &World, acts: &mut Vec<Act>) {
        let left = &world.left;
        let ledger = &world.ledger;
        if (left.words, left.agains, left.withdraws, left.deletes) == (0, 0, 0, 0) {
            return;
        }
        for (at, row) in (0..).zip(&ledger.rows) {
            let there = world.truth[ledger.truth_of(row)].there;
            let looks = !self.setup.patient || world.now >= row.since + DOUBT_AFTER;
            match row.stand {
                Stand::InDoubt { .. } if left.words > 0 && looks => {
                    acts.push(match there {
                        true => Act::SayThere { row: at },
                        false => Act::SayAbsent { row: at },
                    });
                }
                Stand::Due { .. } if left.withdraws > 0 => acts.push(Act::Withdraw { row: at }),
                _ => {}
            }
            let again =
                !matches!(row.stand, Stand::Due { .. } | Stand::Claimed { .. } | Stand::Held);
            let last = row.generation >= self.setup.generations || ledger.is_replaced(row);
            if left.agains > 0 && again && !last {
                acts.push(Act::Again { row: at });
            }
        }
        if left.deletes > 0 {
            for (at, truth) in (0..).zip(&world.truth) {
                let known = ledger.rows.iter().any(|row| {
                    ledger.truth_of(row) == usize::from(at)
                        && matches!(row.stand, Stand::Published { .. })
                });
                if truth.there && (known || self.setup.deletes == Deletes::Seen) {
                    acts.push(Act::Delete { truth: at });
                }
            }
        }
    }

    fn is_capped(&self, world: &World) -> bool {
        let mut world = world.clone();
        self.verbs(&mut world).is_capped()
    }

    /// Whether the ledger is no older than its witness.
    fn is_whole(&self, world: &World) -> bool {
        world.witness.iter().all(|(number, _)| *number <= world.ledger.claim)
            && world.ledger.settled >= world.witnessed
    }

    /// Does one step.
    pub(super) fn step(&self, before: &World, act: Act) -> World {
        let mut world = before.clone();
        self.act(&mut world, act);
        if self.setup.mends.settlements_witnessed {
            let settles = matches!(
                act,
                Act::Settle { .. }
                    | Act::Conclude { .. }
                    | Act::SayThere { .. }
                    | Act::SayAbsent { .. }
            );
            let trusts = world.nodes.iter().any(|node| node.trusts);
            if settles && trusts && world.ledger != before.ledger {
                world.ledger.settled += 1;
                world.witnessed = world.ledger.settled;
            }
        }
        world.sorted()
    }

    fn act(&self, world: &mut World, act: Act) {
        match act {
            Act::Poll => {
                let (guise, life) = (world.guise, world.life);
                let trusts = world.nodes.iter().any(|node| node.trusts);
                self.verbs(world).admit(guise, life, trusts);
            }
            Act::Rename => {
                world.left.renames -= 1;
                world.guise ^= 1;
            }
            Act::Start { node, adopt } => self.start(world, node, adopt),
            Act::Kill { node } => {
                world.left.kills -= 1;
                self.end(world, node);
            }
            Act::Stop { node } => self.end(world, node),
            Act::Reopen { node } => {
                let live = world.nodes[usize::from(node)].live;
                self.verbs(world).recover(false, live);
                world.nodes[usize::from(node)].sick = false;
            }
            Act::Choose { node, task, row } => self.set(world, node, task, Task::Chosen { row }),
            Act::Ask { node, task, row, unsure } => {
                world.left.lost -= u8::from(unsure);
                let found = if unsure { Find::Unsure } else { self.found(world, row) };
                self.set(world, node, task, Task::Asked { row, found });
            }
            Act::Claim { node, task, fate } => self.claim(world, node, task, fate),
            Act::Conclude { node, task, fate } => self.conclude(world, node, task, fate),
            Act::Witness { node, task, fails } => self.witness(world, node, task, fails),
            Act::Send { node, task } => self.send(world, node, task),
            Act::CannotConnect { node, task } => {
                world.left.laters -= 1;
                self.hear(world, node, task, Proved::Unsent);
            }
            Act::Drop { node, task } => {
                world.left.drops -= 1;
                self.set(world, node, task, Task::Idle);
            }
            Act::GiveUp { node, task } => {
                world.left.lost -= 1;
                self.hear(world, node, task, self.timeout());
            }
            Act::Settle { node, task, fate } => self.settle(world, node, task, fate),
            Act::Hear { call, status } => self.platform_hears(world, call, status),
            Act::Vanish { call } => {
                world.left.lost -= 1;
                world.calls.remove(usize::from(call));
            }
            Act::Show { call, status } => self.platform_shows(world, call, status),
            Act::SayThere { row } => {
                world.left.words -= 1;
                let how = oncecast::model::How::Person;
                let event = oncecast::model::Event::Found(super::world::receipt(how));
                self.verbs(world).apply(row, event);
            }
            Act::SayAbsent { row } => {
                world.left.words -= 1;
                self.verbs(world).absent(row);
            }
            Act::Again { row } => {
                world.left.agains -= 1;
                self.verbs(world).again(row);
            }
            Act::Withdraw { row } => {
                world.left.withdraws -= 1;
                self.verbs(world).withdraw(row);
                self.sights.note(Sight::Withdrawn);
            }
            Act::Backup => {
                world.backup = Some(Box::new((world.ledger.clone(), Vec::new())));
                if self.setup.witness_too
                    && let Some(backup) = &mut world.backup
                {
                    backup.1.clone_from(&world.witness);
                }
            }
            Act::Restore => {
                world.left.restores -= 1;
                world.life += 1;
                if let Some(backup) = world.backup.take() {
                    world.ledger = backup.0;
                    if self.setup.witness_too {
                        world.witness = backup.1;
                    }
                }
                if !self.is_whole(world) {
                    self.sights.note(Sight::Older);
                }
            }
            Act::Delete { truth } => {
                world.left.deletes -= 1;
                let truth = &mut world.truth[usize::from(truth)];
                truth.there = false;
                // A draft that was published stays used up.
                if self.setup.class.manner == Manner::Object {
                    truth.objects = 0;
                }
                self.sights.note(Sight::Deleted);
            }
            Act::Tick => self.tick(world),
        }
    }

    fn timeout(&self) -> Proved {
        if self.cuts(Cut::TimeoutIsUnsent) { Proved::Unsent } else { Proved::Unknown }
    }

    fn set(&self, world: &mut World, node: u8, task: u8, to: Task) {
        world.nodes[usize::from(node)].tasks[usize::from(task)] = to;
    }

    /// A call is over for the one who waits for it.
    fn hear(&self, world: &mut World, node: u8, task: u8, proved: Proved) {
        let at = &mut world.nodes[usize::from(node)].tasks[usize::from(task)];
        if let Task::Granted { row, permit } | Task::Waiting { row, permit } = *at {
            *at = Task::Heard { row, permit, proved };
        }
    }

    fn start(&self, world: &mut World, node: u8, adopt: bool) {
        let trusts = adopt || self.is_whole(world) || self.cuts(Cut::OlderLedgerTrusted);
        if adopt {
            let known = world.ledger.claim;
            for (number, key) in world.witness.iter().filter(|(number, _)| *number > known) {
                world.ledger.ghosts |= 1 << key;
                world.ledger.claim = world.ledger.claim.max(*number);
            }
            world.ledger.settled = world.witnessed;
            world.ledger.adopted = self.setup.mends.news_held;
        }
        let mended = adopt && self.setup.mends.doubts_haunted;
        let mut verbs = self.verbs(world);
        verbs.recover(true, 0);
        if mended {
            verbs.haunt_doubts();
        }
        let tasks = vec![Task::Idle; usize::from(self.setup.workers)];
        world.nodes[usize::from(node)] = Node { up: true, trusts, sick: false, live: 0, tasks };
    }

    fn end(&self, world: &mut World, node: u8) {
        world.nodes[usize::from(node)] = Node::default();
    }

    fn claim(&self, world: &mut World, node: u8, task: u8, fate: Fate) {
        let it = &world.nodes[usize::from(node)];
        let (Task::Chosen { row }, trusts) = (it.tasks[usize::from(task)], it.trusts) else {
            return;
        };
        if self.cuts(Cut::GrantBeforeCommit) {
            let permit = world.ledger.claim + 1;
            return self.set(world, node, task, Task::Granted { row, permit });
        }
        let before = world.ledger.clone();
        let granted = self.verbs(world).claim(row, trusts);
        self.committed(world, node, task, fate, before, granted.map(|permit| (row, permit)));
    }

    /// What comes after a transaction that may have granted a permit.
    fn committed(
        &self,
        world: &mut World,
        node: u8,
        task: u8,
        fate: Fate,
        before: super::world::Ledger,
        granted: Option<(u8, u8)>,
    ) {
        self.set(world, node, task, Task::Idle);
        if fate != Fate::Holds {
            world.left.commits -= 1;
            world.nodes[usize::from(node)].sick = true;
            if fate == Fate::Fails {
                world.ledger = before;
            }
        } else if let Some((row, permit)) = granted {
            self.set(world, node, task, Task::Committed { row, permit, old: false });
            if world.ledger.is_replaced(&world.ledger.rows[usize::from(row)]) {
                world.broken |= broken::REPLACED_SENT;
            }
            if let Some(cap) = self.setup.cap {
                let from = world.now;
                let recent = world.ledger.claims.iter();
                let recent = recent.filter(|at| **at + super::setup::CAP_TICKS > from).count();
                if recent > usize::from(cap) {
                    world.broken |= broken::OVER_THE_CAP;
                }
            }
        }
    }

    /// What is done about a delivery in doubt with what a question found.
    fn conclude(&self, world: &mut World, node: u8, task: u8, fate: Fate) {
        let it = &world.nodes[usize::from(node)];
        let (Task::Asked { row, found }, trusts) = (it.tasks[usize::from(task)], it.trusts) else {
            return;
        };
        let before = world.ledger.clone();
        let truth = world.truth.clone();
        let mut verbs = self.verbs(world);
        let mut granted = None;
        match found {
            Find::There | Find::Unsure => verbs.resolve(row, found),
            Find::Absent | Find::CannotAsk => {
                granted = verbs.reclaim(row, trusts);
                match granted {
                    Some(_) => {}
                    None if found == Find::Absent => verbs.not_found(row),
                    None => verbs.resolve(row, Find::Unsure),
                }
            }
        }
        if fate == Fate::Fails {
            world.truth = truth;
        }
        self.committed(world, node, task, fate, before, granted.map(|permit| (row, permit)));
    }

    fn witness(&self, world: &mut World, node: u8, task: u8, fails: bool) {
        let it = &mut world.nodes[usize::from(node)];
        let Task::Committed { row, permit, old } = it.tasks[usize::from(task)] else { return };
        if fails {
            world.left.commits -= 1;
            it.sick = true;
            return self.set(world, node, task, Task::Idle);
        }
        it.live |= 1 << permit;
        if !self.cuts(Cut::NoWitness) {
            let key = world.ledger.key_of(&world.ledger.rows[usize::from(row)]);
            world.witness.push((permit, key));
        }
        let granted = Task::Granted { row, permit };
        self.set(world, node, task, granted);
        if old && !self.cuts(Cut::PermitNeverAges) {
            self.sights.note(Sight::Aged);
            self.hear(world, node, task, Proved::Unsent);
        }
    }

    fn send(&self, world: &mut World, node: u8, task: u8) {
        let it = &world.nodes[usize::from(node)];
        let Task::Granted { row, permit } = it.tasks[usize::from(task)] else { return };
        let ledger = &world.ledger;
        let at = &ledger.rows[usize::from(row)];
        let own = ledger.key_of(at);
        let is_covered = ledger.claim >= permit && world.witness.contains(&(permit, own));
        let truth = ledger.truth_of(at);
        let id = u8::try_from(id_of(world, at).trailing_zeros()).expect("few");
        let it = &mut world.truth[truth];
        let other = self.cuts(Cut::RepeatUnderAnotherKey) && it.open_calls > 0;
        let (key, id) = if other { (own | 128, OTHER) } else { (own, id) };
        if !is_covered {
            world.broken |= broken::CALL_WITHOUT_CLAIM;
        }
        if let Some((first, first_key, first_id)) = it.first_call {
            self.sights.note(Sight::Repeated);
            let elapsed = super::world::time(world.now).since(super::world::time(first));
            let same = (key, id) == (first_key, first_id);
            let within = self.setup.class.guarantee.repeatable_for().is_some_and(|w| elapsed < w);
            if !(same && within) {
                world.broken |= broken::REPEAT_THAT_SHOWS;
            }
        } else {
            it.first_call = Some((world.now, key, id));
        }
        it.open_calls = (it.open_calls + 1).min(2);
        let truth = u8::try_from(truth).expect("few");
        world.calls.push(Call { permit, row, truth, key, id, age: 0, taken: false });
        self.set(world, node, task, Task::Waiting { row, permit });
    }

    fn settle(&self, world: &mut World, node: u8, task: u8, fate: Fate) {
        let it = &world.nodes[usize::from(node)];
        let Task::Heard { row, permit, proved } = it.tasks[usize::from(task)] else { return };
        if fate != Fate::Fails {
            if self.cuts(Cut::GrantBeforeCommit) {
                self.verbs(world).claim(row, true);
            }
            self.verbs(world).settle(row, permit, proved);
        }
        if fate != Fate::Holds {
            world.left.commits -= 1;
            world.nodes[usize::from(node)].sick = true;
            return;
        }
        let truth = world.ledger.truth_of(&world.ledger.rows[usize::from(row)]);
        // A call that was never made, or was proved not to be performed, is none.
        if proved == Proved::Deferred {
            let truth = &mut world.truth[truth];
            truth.open_calls = truth.open_calls.saturating_sub(1);
            if truth.open_calls == 0 {
                truth.first_call = None;
            }
        }
        world.nodes[usize::from(node)].live &= !(1 << permit);
        self.set(world, node, task, Task::Idle);
    }

    /// What a question finds now.
    fn found(&self, world: &World, at: u8) -> Find {
        if self.cuts(Cut::RepeatWithoutAsking) {
            return Find::CannotAsk;
        }
        let row = &world.ledger.rows[usize::from(at)];
        let truth = &world.truth[world.ledger.truth_of(row)];
        match self.setup.class.asks {
            Asks::Cannot => Find::CannotAsk,
            Asks::ById if truth.there && truth.objects & id_of(world, row) != 0 => Find::There,
            Asks::ById => Find::Absent,
            Asks::ByContent => {
                let since = row.first_sent.unwrap_or(row.since);
                let (mut alike, mut others) = (Find::Absent, false);
                for other in &world.ledger.rows {
                    let it = &world.truth[world.ledger.truth_of(other)];
                    if (other.entry, other.group) != (row.entry, row.group) {
                        continue;
                    }
                    others |= other.generation != row.generation;
                    if it.there {
                        alike = match it.at >= since || alike == Find::There {
                            true => Find::There,
                            false => Find::Unsure,
                        };
                    }
                }
                if alike == Find::There && others && self.setup.mends.generations_apart {
                    alike = Find::Unsure;
                }
                alike
            }
        }
    }

    fn platform_hears(&self, world: &mut World, call: u8, status: u16) {
        let it = world.calls[usize::from(call)];
        let truth = &world.truth[usize::from(it.truth)];
        match status {
            422 => world.left.noes -= 1,
            429 => world.left.laters -= 1,
            502 => world.left.lost -= 1,
            _ => {
                let saved = truth.saved;
                let saved = saved.is_some_and(|(at, key)| world.now < at + WINDOW && key == it.key);
                let heeds = self.setup.class.manner == Manner::Key;
                if !(heeds && saved) {
                    world.calls[usize::from(call)].taken = true;
                    return;
                }
            }
        }
        self.answer(world, call, status);
    }

    /// The platform is done with a call; whoever waits for it hears.
    fn answer(&self, world: &mut World, call: u8, status: u16) {
        let permit = world.calls.remove(usize::from(call)).permit;
        let proved = self.proved(status);
        for node in &mut world.nodes {
            for task in &mut node.tasks {
                if let Task::Waiting { row, permit: waits } = *task
                    && waits == permit
                {
                    *task = Task::Heard { row, permit, proved };
                }
            }
        }
    }

    fn platform_shows(&self, world: &mut World, call: u8, status: u16) {
        let it = world.calls[usize::from(call)];
        if status != 201 {
            world.left.lost -= 1;
        }
        if !world.held_permits().any(|permit| permit == it.permit) {
            self.sights.note(Sight::Orphan);
        }
        if it.age > 0 {
            self.sights.note(Sight::Late);
        }
        let now = world.now;
        let truth = &mut world.truth[usize::from(it.truth)];
        let object = 1 << it.id;
        let shows = match self.setup.class.manner {
            Manner::Object | Manner::Draft => truth.objects & object == 0,
            Manner::Key | Manner::Shows | Manner::Dedups => true,
        };
        if shows {
            truth.shown = (truth.shown + 1).min(2);
            truth.at = now;
            truth.there = true;
            truth.objects |= object;
            truth.saved = truth.saved.or(Some((now, it.key)));
        }
        self.answer(world, call, status);
    }

    fn tick(&self, world: &mut World) {
        world.now += 1;
        for call in &mut world.calls {
            call.age = (call.age + 1).min(LATE_MAX.max(1));
        }
        let ages = !self.cuts(Cut::PermitNeverAges);
        let timeout = self.timeout();
        for node in &mut world.nodes {
            for task in &mut node.tasks {
                match *task {
                    Task::Committed { row, permit, .. } => {
                        *task = Task::Committed { row, permit, old: true };
                    }
                    Task::Granted { row, permit } if ages => {
                        self.sights.note(Sight::Aged);
                        *task = Task::Heard { row, permit, proved: Proved::Unsent };
                    }
                    Task::Waiting { row, permit } => {
                        *task = Task::Heard { row, permit, proved: timeout };
                    }
                    _ => {}
                }
            }
        }
    }

    /// The world before anything has happened: the feed has been seen, and its next post is new.
    pub(super) fn beginning(&self) -> World {
        use super::names::{GENERATIONS_MAX, GROUPS_MAX};
        let truths = self.setup.posts * GROUPS_MAX * GENERATIONS_MAX;
        World {
            now: 0,
            ledger: super::world::Ledger::default(),
            witness: Vec::new(),
            witnessed: 0,
            backup: None,
            life: 0,
            nodes: vec![Node::default(); usize::from(self.setup.nodes)],
            calls: Vec::new(),
            truth: vec![super::world::Truth::default(); usize::from(truths)],
            guise: 0,
            left: self.setup.left,
            broken: 0,
        }
    }

    /// The same with nothing left that may go wrong.
    pub(super) fn calm(&self, world: &World) -> World {
        World { left: Left::default(), ..world.clone() }
    }
}
