//! What each step does, in the order and with the gaps of `flow/deliver.rs`, `flow/doubt.rs` and
//! `ledger/embedded`.

use super::acts::{Act, Fate};
use super::names::GUISES;
use super::setup::{Cut, LATE_MAX, Left, Manner, Proved, Setup};
use super::sights::{Sight, Sights};
use super::verbs::Verbs;
use super::world::{Call, Find, Node, Row, Task, World, broken};

/// Another id than the one that every attempt of a delivery has.
const OTHER: u8 = 7;

/// The id that we derive for a delivery, as a bit: it comes of the entry's first name and of when it was
/// entered.
pub(super) fn id_of(world: &World, row: &Row) -> u8 {
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

    pub(super) fn proved(&self, status: u16) -> Proved {
        match status {
            201 => self.yes,
            422 => self.no,
            429 => self.later,
            _ if self.setup.cuts(Cut::ServerErrorIsUnsent) => Proved::Unsent,
            _ => self.server_error,
        }
    }

    pub(super) fn cuts(&self, cut: Cut) -> bool {
        self.setup.cuts(cut)
    }

    pub(super) fn verbs<'a>(&'a self, world: &'a mut World) -> Verbs<'a> {
        Verbs {
            setup: &self.setup,
            sights: &self.sights,
            ledger: &mut world.ledger,
            truth: &mut world.truth,
            broken: &mut world.broken,
            now: world.now,
        }
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
            if settles && trusts && world.ledger.has_moved(&before.ledger) {
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
