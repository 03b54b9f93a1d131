//! What must hold in every state, whatever has gone wrong, and how an exploration is run and reported.

use std::collections::{BTreeMap, BTreeSet};

use stateright::{Checker, HasDiscoveries, Model, Property};

use super::acts::Act;
use super::setup::Setup;
use super::sights::{Sight, Sights};
use super::steps::Protocol;
use super::verbs::is_at_rest;
use super::world::{Stand, World, broken};

pub(super) const ONCE: &str = "readers are shown it once at most";
pub(super) const PUBLISHED: &str =
    "published means that readers were shown it, or that a person says so";
pub(super) const REFUSED: &str = "refused means that readers were not shown it";
pub(super) const CLAIMED: &str = "no call without a claim in the ledger and in the witness (I1)";
pub(super) const NO_REPEAT: &str = "no second call but one that shows nothing (I2)";
pub(super) const FINAL: &str = "published is final (I3)";
pub(super) const CAP: &str = "no window holds more claims than its cap (I6)";
pub(super) const REPLACED: &str = "what a person sent again is not repeated besides";
pub(super) const LEGAL: &str = "the ledger asks for no transition that there is not";
pub(super) const REST: &str = "when faults stop, each ends or waits for a person";
/// Does not hold, and must be seen not to.
pub(super) const CANARY: &str = "canary: readers are shown nothing";

/// Ticks in which a world without faults must have come to rest: a key's window and every look.
const CALM_TICKS: u8 = 12;
/// Steps in which it must.
const CALM_STEPS: usize = 400;

fn always(name: &'static str, holds: fn(&Protocol, &World) -> bool) -> Property<Protocol> {
    Property::always(name, holds)
}

/// Whether every row that stands so is so in truth.
fn rows(world: &World, holds: impl Fn(Stand, u8) -> bool) -> bool {
    let ledger = &world.ledger;
    ledger.rows.iter().all(|row| holds(row.stand, world.truth[ledger.truth_of(row)].shown))
}

impl Model for Protocol {
    type State = World;
    type Action = Act;

    fn init_states(&self) -> Vec<World> {
        vec![self.beginning()]
    }

    fn actions(&self, world: &World, acts: &mut Vec<Act>) {
        self.acts(world, acts);
    }

    fn next_state(&self, world: &World, act: Act) -> Option<World> {
        let next = self.step(world, act);
        note(self, &next);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut laws = vec![
            always(ONCE, |_, world| world.truth.iter().all(|truth| truth.shown <= 1)),
            always(PUBLISHED, |_, world| {
                rows(world, |stand, shown| {
                    shown > 0 || stand != Stand::Published { by_person: false }
                })
            }),
            always(REFUSED, |_, world| {
                rows(world, |stand, shown| shown == 0 || stand != Stand::Refused)
            }),
            always(CLAIMED, |_, world| world.broken & broken::CALL_WITHOUT_CLAIM == 0),
            always(NO_REPEAT, |_, world| world.broken & broken::REPEAT_THAT_SHOWS == 0),
            always(FINAL, |_, world| world.broken & broken::PUBLISHED_MOVED == 0),
            always(CAP, |_, world| world.broken & broken::OVER_THE_CAP == 0),
            always(REPLACED, |_, world| world.broken & broken::REPLACED_SENT == 0),
            always(LEGAL, |_, world| world.broken & broken::ILLEGAL == 0),
            always(CANARY, |_, world| world.truth.iter().all(|truth| truth.shown == 0)),
        ];
        if self.setup.rests {
            laws.push(always(REST, Protocol::comes_to_rest));
        }
        laws
    }
}

impl Protocol {
    /// Whether a world in which nothing more goes wrong comes to rest, with whatever waits waiting for
    /// a person; a class that settles its doubts alone must have none left.
    fn comes_to_rest(&self, world: &World) -> bool {
        // What happens from here on is not what happened in the exploration.
        let quiet = Self { sights: Sights::default(), ..self.clone() };
        let mut world = self.calm(world);
        let last = world.now + CALM_TICKS;
        let mut acts = Vec::new();
        for _ in 0..CALM_STEPS {
            acts.clear();
            quiet.acts(&world, &mut acts);
            // One who finds a ledger that only observes mends it by the command that it names.
            let mends = acts.iter().any(|act| matches!(act, Act::Start { adopt: true, .. }));
            acts.retain(|act| match act {
                Act::Tick => false,
                Act::Start { adopt, .. } => *adopt == mends,
                _ => true,
            });
            let next = acts.iter().map(|act| quiet.step(&world, *act)).find(|next| *next != world);
            match next {
                Some(next) => world = next,
                // A loop that fell over stalls, and the watchdog starts the daemon afresh.
                None if has_orphan(&world) => {
                    for node in &mut world.nodes {
                        *node = super::world::Node::default();
                    }
                }
                None if world.now < last => world = quiet.step(&world, Act::Tick),
                None => return quiet.is_rest(&world),
            }
        }
        false
    }

    fn is_rest(&self, world: &World) -> bool {
        let ledger = &world.ledger;
        world.nodes.iter().any(|node| node.up && node.trusts)
            && ledger.entries.len() >= usize::from(self.setup.posts)
            && ledger.rows.iter().all(|row| {
                let waits = matches!(row.stand, Stand::InDoubt { .. });
                let may_wait =
                    !self.setup.class.settles_alone() || row.haunted || ledger.is_replaced(row);
                is_at_rest(&row.stand) && (may_wait || !waits)
            })
    }
}

/// Whether a claim is held by nobody while a daemon runs.
fn has_orphan(world: &World) -> bool {
    world.nodes.iter().any(|node| node.up)
        && world.ledger.rows.iter().any(|row| match row.stand {
            Stand::Claimed { permit, .. } => !world.held_permits().any(|held| held == permit),
            _ => false,
        })
}

/// Notes how deliveries stand.
pub(super) fn note(protocol: &Protocol, world: &World) {
    for row in &world.ledger.rows {
        protocol.sights.note(match row.stand {
            Stand::Published { .. } if row.generation > 1 => Sight::Again,
            Stand::Published { .. } => Sight::Published,
            Stand::Refused => Sight::Refused,
            Stand::InDoubt { .. } => Sight::InDoubt,
            _ => continue,
        });
    }
}

/// What an exploration came to.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) states: usize,
    pub(super) steps: usize,
    pub(super) depth: usize,
    /// Laws that were broken, and a way there.
    pub(super) broken: BTreeMap<&'static str, Vec<Act>>,
    pub(super) sights: Sights,
}

#[expect(clippy::print_stdout, reason = "the counts are what a reader of the proof looks for")]
pub(super) fn say(line: &str) {
    println!("{line}");
}

fn name_of(setup: &Setup) -> String {
    let plural = |n: u8, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    format!(
        "{}: {}, {}, {}, {}, horizon {}",
        setup.class.name,
        plural(setup.posts, "post"),
        plural(setup.groups, "group"),
        plural(setup.nodes, "daemon"),
        plural(setup.workers, "loop"),
        setup.horizon
    )
}

fn told(way: &[Act]) -> String {
    way.iter().map(|act| format!("{act:?}")).collect::<Vec<_>>().join(" > ")
}

/// Explores everything that can happen.
pub(super) fn explore(setup: Setup) -> Report {
    let protocol = Protocol::of(setup);
    let sights = protocol.sights.clone();
    let checker = protocol.checker().spawn_dfs().join();
    assert!(checker.is_done(), "the exploration is whole");
    let broken = checker.discoveries().into_iter().map(|(law, path)| (law, path.into_actions()));
    Report {
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        broken: broken.collect(),
        sights,
    }
}

/// Looks for a short way to break one law, and stops there.
fn seek(setup: Setup, law: &'static str) -> Report {
    let protocol = Protocol::of(setup);
    let sights = protocol.sights.clone();
    let until = HasDiscoveries::AllOf(BTreeSet::from([law]));
    let checker = protocol.checker().finish_when(until).spawn_bfs().join();
    let broken = checker.discoveries().into_iter().map(|(law, path)| (law, path.into_actions()));
    Report {
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        broken: broken.collect(),
        sights,
    }
}

/// Every law holds in every state, the canary falls, and what is named was seen to happen.
pub(super) fn holds(setup: Setup, wanted: &[Sight]) {
    let name = name_of(&setup);
    let mut report = explore(setup);
    let canary = report.broken.remove(CANARY);
    say(&format!(
        "model: {name}: {} states, {} steps, depth {}",
        report.states, report.steps, report.depth
    ));
    for (law, way) in &report.broken {
        say(&format!("{name}: broken: {law}: {}", told(way)));
    }
    assert!(report.broken.is_empty(), "{name}: a law is broken");
    assert!(canary.is_some(), "{name}: nothing was ever shown, so nothing was proved");
    for sight in wanted {
        assert!(report.sights.has(*sight), "{name}: {sight:?} never happened");
    }
}

/// The law is broken, by a way that is told.
pub(super) fn breaks(what: &str, setup: Setup, law: &'static str) -> Vec<Act> {
    let name = name_of(&setup);
    let report = seek(setup, law);
    let Some(way) = report.broken.get(law) else {
        panic!("{what}: no counterexample to {law:?} in {} states ({name})", report.states);
    };
    say(&format!("model: {what}: {law:?} falls in {} steps ({} states)", way.len(), report.states));
    say(&format!("    {}", told(way)));
    way.clone()
}
