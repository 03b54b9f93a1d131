//! What the platform does with what it hears, and what it tells who asks. What it shows is the truth.

use super::setup::{Asks, Cut, Manner, WINDOW};
use super::sights::Sight;
use super::steps::{Protocol, id_of};
use super::world::{Find, Task, World};

impl Protocol {
    /// What a question finds now.
    pub(super) fn found(&self, world: &World, at: u8) -> Find {
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

    pub(super) fn platform_hears(&self, world: &mut World, call: u8, status: u16) {
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

    pub(super) fn platform_shows(&self, world: &mut World, call: u8, status: u16) {
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
}
