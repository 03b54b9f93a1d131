//! What may happen next: the daemon's steps, with a kill possible between any two, the platform's, the
//! network's, a person's, and time.

use super::setup::{Asks, Cut, DOUBT_AFTER, Deletes, LATE_MAX};
use super::steps::Protocol;
use super::world::{Node, Stand, Task, World};

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

impl Protocol {
    /// Everything that may happen next.
    pub(super) fn acts(&self, world: &World, acts: &mut Vec<Act>) {
        let left = &world.left;
        let all_down = world.nodes.iter().all(|node| !node.up);
        if self.setup.outside && self.witnesses(world, acts) {
            return;
        }
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
        let polls = world.nodes.iter().any(|node| node.up && !node.sick && !node.is_writing());
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
        if !(self.setup.outside && all_down) {
            self.acts_of_people(world, acts);
        }
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

    /// Whether a claim is committed that must be witnessed before anything else.
    fn witnesses(&self, world: &World, acts: &mut Vec<Act>) -> bool {
        for (node, it) in (0..).zip(&world.nodes) {
            for (task, at_work) in (0..).zip(&it.tasks) {
                if matches!(at_work, Task::Committed { .. }) {
                    acts.push(Act::Witness { node, task, fails: false });
                    return true;
                }
            }
        }
        false
    }

    fn acts_of_node(&self, world: &World, node: u8, it: &Node, acts: &mut Vec<Act>) {
        let left = &world.left;
        if left.kills > 0 {
            acts.push(Act::Kill { node });
        }
        if it.sick && !it.is_writing() {
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
        // One thread writes: between a commit and its witness it does nothing else.
        let fates: &[Fate] = match (it.sick || it.is_writing(), left.commits) {
            (true, _) => &[],
            (false, 0) => &[Fate::Holds],
            (false, _) => &[Fate::Holds, Fate::FailsDurable, Fate::Fails],
        };
        match it.tasks[usize::from(task)] {
            Task::Idle if it.sick || it.is_writing() || !it.trusts => {}
            Task::Idle => {
                let capped = self.cuts(Cut::CapOutsideTheClaim) && self.is_capped(world);
                for (row, it) in (0..).zip(&world.ledger.rows) {
                    match it.stand {
                        Stand::Due { not_before, .. } if not_before <= world.now && !capped => {
                            acts.push(Act::Choose { node, task, row });
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
    pub(super) fn is_whole(&self, world: &World) -> bool {
        world.witness.iter().all(|(number, _)| *number <= world.ledger.claim)
            && world.ledger.settled >= world.witnessed
    }
}
