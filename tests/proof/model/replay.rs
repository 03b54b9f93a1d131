//! The model walked beside the real ledger and the real wire: after every step both say the same of every
//! delivery. What is left out is what cannot be done from outside: a commit that fails, and a kill between
//! a commit and its witness (other proofs have a disk for those).

use std::sync::Arc;
use std::time::Duration;

use oncecast::ledger::embedded::Mend;
use oncecast::ledger::{Claim, Ledger as _, Replay, Selection, Trust, Verdict};
use oncecast::model::{DeliveryId, Found, Reference, Request, Response};
use oncecast::wire::Trouble;

use super::acts::Act;
use super::house::{Answer, House};
use super::setup::{Class, Cut, Left, Proved, Setup, TICK};
use super::sights::{Sight::*, Sights};
use super::steps::Protocol;
use super::world::{Find, Stand, Task, World};

const WALKS: u64 = 75;
/// In so many walks at the most the two must part where the model lacks a step.
const WALKS_UNTIL_PARTED: u64 = 400;
const STEPS: usize = 70;
/// So much may the house's clock be ahead of the model's before a limit of theirs could fall apart.
const RESTS_MAX: Duration = Duration::from_secs(50);

fn delivery(world: &World, row: u8) -> DeliveryId {
    let row = &world.ledger.rows[usize::from(row)];
    // The first entry is the old one.
    let entry = u64::from(row.entry) + 2;
    DeliveryId { entry, group: 1, generation: row.generation.into() }
}

fn status(code: u16) -> Answer {
    Ok(Response { status: code, ..Response::default() })
}

/// Does in the house what the model has done in its world; says no where their clocks part.
async fn follow(
    house: &mut House,
    protocol: &Protocol,
    before: &World,
    act: Act,
    next: &World,
) -> Result<bool, String> {
    let class = protocol.setup.class;
    let task_of = |node: u8, task: u8| before.nodes[usize::from(node)].tasks[usize::from(task)];
    let waits = |permit: u8| {
        let tasks = before.nodes.iter().flat_map(|node| &node.tasks);
        tasks.into_iter().any(|t| matches!(t, Task::Waiting { permit: p, .. } if *p == permit))
    };
    match act {
        Act::Poll => {
            let name = super::names::name(0, before.guise);
            house.admit(vec![protocol.setup.names.entry(name)]).await;
        }
        Act::Start { adopt, .. } => {
            house.open(class, adopt.then_some(Mend::AdoptRestored)).await;
        }
        Act::Kill { .. } | Act::Stop { .. } => house.close().await,
        Act::Claim { node, task, .. } => {
            let Task::Chosen { row } = task_of(node, task) else { panic!("chosen") };
            let id = delivery(before, row);
            house.ledger().resume(None, "person".into()).await.expect("resumed");
            loop {
                match house.ledger().claim(id, Request::get("/")).await.expect("answered") {
                    Claim::Granted(permit) => {
                        let number = u8::try_from(permit.number()).expect("few");
                        house.permits.insert(number, permit);
                        break;
                    }
                    // The model takes no account of the short rests between attempts.
                    Claim::NotNow { wait: Some(wait), .. } if wait < TICK => {
                        house.rested += wait;
                        if house.rested > RESTS_MAX || !house.permits.is_empty() {
                            return Ok(false);
                        }
                        tokio::time::advance(wait).await;
                    }
                    _ => break,
                }
            }
        }
        Act::Conclude { node, task, .. } => {
            let Task::Asked { row, found } = task_of(node, task) else { panic!("asked") };
            conclude(house, class, delivery(before, row), found).await;
        }
        Act::Send { node, task } => {
            let Task::Granted { permit, .. } = task_of(node, task) else { panic!("granted") };
            house.send(permit)?;
            tokio::task::yield_now().await;
        }
        Act::CannotConnect { node, task } => {
            let Task::Granted { permit, .. } = task_of(node, task) else { panic!("granted") };
            house.send(permit)?;
            house.answer(permit, Err(Trouble::Unsent("refused".into()))).await;
        }
        Act::GiveUp { node, task } => {
            let Task::Waiting { permit, .. } = task_of(node, task) else { panic!("waiting") };
            house.answer(permit, Err(Trouble::Unknown("reset".into()))).await;
        }
        Act::Drop { node, task } => match task_of(node, task) {
            Task::Granted { permit, .. } => drop(house.permits.remove(&permit)),
            Task::Waiting { permit, .. } => {
                let (_, call) = house.calls.remove(&permit).expect("under way");
                call.abort();
                drop(call.await);
            }
            task => panic!("{task:?}"),
        },
        Act::Settle { node, task, .. } => {
            let Task::Heard { permit, proved, .. } = task_of(node, task) else { panic!("heard") };
            let spent = house.spent.remove(&permit).expect("spent");
            if Proved::of(spent.outcome()) != proved {
                return Err(format!("the wire proves {:?}", spent.outcome()));
            }
            house.ledger().settle(&spent).await.expect("settled");
        }
        Act::Hear { call, status: code } | Act::Show { call, status: code } => {
            let call = before.calls[usize::from(call)];
            let is_over = next.calls.len() < before.calls.len();
            if is_over && waits(call.permit) {
                house.answer(call.permit, status(code)).await;
            }
        }
        Act::SayThere { row } => {
            let verdict = Verdict::PersonPublished(Reference::default());
            let id = delivery(before, row);
            house.ledger().resolve(id, verdict, "person".into()).await.expect("resolved");
        }
        Act::SayAbsent { row } => {
            let id = delivery(before, row);
            let said = house.ledger().resolve(id, Verdict::PersonAbsent, "person".into()).await;
            said.expect("resolved");
        }
        Act::Again { row } => {
            let selection = selection(before, row);
            let replay = Replay { selection, again: Some("wanted".into()), dry_run: false };
            house.ledger().reopen(replay, "person".into()).await.expect("reopened");
        }
        Act::Withdraw { row } => {
            let selection = selection(before, row);
            let withdrawn = house.ledger().withdraw(selection, "old".into(), "person".into()).await;
            withdrawn.expect("withdrawn");
        }
        Act::Backup => house.backup = std::fs::read(house.path()).ok(),
        Act::Restore => {
            let copy = house.backup.take().expect("kept");
            // The writer of a killed house must be out of its file.
            loop {
                let lock = std::fs::File::open(house.folder.path().join("ledger.lock"));
                if lock.expect("there").try_lock().is_ok() {
                    break;
                }
                std::thread::yield_now();
            }
            std::fs::write(house.path(), copy).expect("restored");
        }
        Act::Tick => {
            tokio::time::advance(TICK).await;
            for task in before.nodes.iter().flat_map(|node| &node.tasks) {
                match *task {
                    Task::Granted { permit, .. } => {
                        // Too old to be used: the wire itself must see that.
                        house.send(permit)?;
                        house.answer(permit, status(201)).await;
                    }
                    Task::Waiting { permit, .. } => {
                        house.answer(permit, Err(Trouble::Unknown("timeout".into()))).await;
                    }
                    _ => {}
                }
            }
        }
        Act::Rename
        | Act::Choose { .. }
        | Act::Ask { .. }
        | Act::Vanish { .. }
        | Act::Delete { .. }
        | Act::Witness { .. }
        | Act::Reopen { .. } => {}
    }
    Ok(true)
}

/// As `flow/doubt.rs` goes on after its question.
async fn conclude(house: &mut House, class: Class, id: DeliveryId, found: Find) {
    let ledger = Arc::clone(house.ledger());
    let verdict = match found {
        Find::There => Verdict::Asked(Found::There(Reference::default())),
        Find::Unsure => Verdict::Asked(Found::Unsure("unsure".into())),
        Find::Absent | Find::CannotAsk => {
            ledger.resume(None, "person".into()).await.expect("resumed");
            match ledger.reclaim(id, class.guarantee).await.expect("answered") {
                Claim::Granted(permit) => {
                    let number = u8::try_from(permit.number()).expect("few");
                    house.permits.insert(number, permit);
                    return;
                }
                Claim::NotNow { wait: None, why } if found == Find::Absent => Verdict::Absent(why),
                Claim::NotNow { wait: None, why } => Verdict::Asked(Found::Unsure(why)),
                Claim::NotNow { .. } | Claim::Gone(_) => return,
            }
        }
    };
    // What is no longer in doubt cannot be resolved, and is refused.
    drop(ledger.resolve(id, verdict, "daemon".into()).await);
}

fn selection(world: &World, row: u8) -> Selection {
    Selection { entry: delivery(world, row).entry, group: Some("readers".into()) }
}

/// A walk of faults alone comes to nothing.
fn weight(act: &Act) -> usize {
    match act {
        Act::Poll | Act::Start { .. } | Act::Restore => 8,
        Act::Ask { unsure: false, .. } | Act::Choose { .. } | Act::Claim { .. } => 6,
        Act::Conclude { .. } | Act::Send { .. } | Act::Settle { .. } => 6,
        Act::Hear { status: 201, .. } | Act::Show { status: 201, .. } => 6,
        Act::Tick => 3,
        _ => 1,
    }
}

/// The model and the house, side by side.
struct Walk {
    protocol: Protocol,
    house: House,
    world: World,
    way: Vec<Act>,
}

impl Walk {
    async fn new(setup: Setup, sights: &Sights) -> Self {
        let mut protocol = Protocol::of(Setup { outside: true, ..setup });
        protocol.sights = sights.clone();
        let house = House::new(protocol.setup.class).await;
        let world = protocol.beginning();
        Self { protocol, house, world, way: Vec::new() }
    }

    /// One step of both. Says no where they cannot go on together: their clocks part, or the house trusts
    /// less than the model does, since its witness knows more.
    async fn step(&mut self, act: Act) -> Result<bool, String> {
        self.way.push(act);
        let next = self.protocol.step(&self.world, act);
        if !follow(&mut self.house, &self.protocol, &self.world, act, &next).await? {
            return Ok(false);
        }
        super::laws::note(&self.protocol, &next);
        self.world = next;
        let node = &self.world.nodes[0];
        let committed = |task: &Task| matches!(task, Task::Committed { .. });
        if self.house.ledger.is_none() || node.tasks.iter().any(committed) {
            return Ok(true);
        }
        let sends = self.house.ledger().overview().await.expect("told").trust == Trust::Sends;
        if !sends && node.trusts {
            return Ok(false);
        }
        let mut parted = sends != node.trusts;
        let stands = self.house.stands().await;
        let rows = &self.world.ledger.rows;
        parted |= stands.len() != rows.len();
        for (at, row) in (0..).zip(rows) {
            let id = delivery(&self.world, at);
            let real = stands.get(&(id.entry, id.generation)).map(Stand::told);
            parted |= real != Some(row.stand.without_times());
        }
        if parted {
            return Err(format!("{:?}: {rows:?} and {stands:?}", self.way));
        }
        Ok(true)
    }
}

/// One walk wherever chance leads; how far it went.
async fn walk(setup: Setup, seed: u64, sights: &Sights) -> Result<usize, String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut walk = Walk::new(setup, sights).await;
    let mut acts = Vec::new();
    while walk.way.len() < STEPS {
        acts.clear();
        walk.protocol.acts(&walk.world, &mut acts);
        let weighted: Vec<Act> =
            acts.iter().flat_map(|act| std::iter::repeat_n(*act, weight(act))).collect();
        let Some(act) = random.choice(&weighted) else { break };
        if !walk.step(*act).await.map_err(|parted| format!("seed {seed}: {parted}"))? {
            break;
        }
    }
    Ok(walk.way.len())
}

/// The way that the model went, gone by the real ledger and the real wire to its end.
pub(super) async fn is_real(setup: Setup, way: &[Act]) {
    let mut walk = Walk::new(setup, &Sights::default()).await;
    for act in way {
        let goes_on = walk.step(*act).await.unwrap_or_else(|parted| panic!("not so: {parted}"));
        assert!(goes_on, "the house does not go along: {:?}", walk.way);
    }
}

/// The model says of every delivery what the real ledger says of it, or its proofs are of something else.
#[tokio::test(start_paused = true)]
async fn the_model_is_of_this_ledger() {
    let sights = Sights::default();
    let mut steps = 0;
    for class in Class::ALL {
        for seed in 0..WALKS {
            let walked = walk(everything(class), seed, &sights).await;
            steps += walked.unwrap_or_else(|parted| panic!("{}: {parted}", class.name));
        }
    }
    super::laws::say(&format!("model: {steps} steps beside the real ledger"));
    let wanted = [
        Published,
        Refused,
        InDoubt,
        Withdrawn,
        Again,
        Found,
        Repeated,
        RefusedRepeat,
        Rule,
        Haunted,
        Older,
        Recognised,
        StaleChoice,
        Aged,
        Orphan,
    ];
    for sight in wanted {
        assert!(sights.has(sight), "{sight:?} never happened beside the real ledger");
    }
}

/// What is cut out of the model is in the real ledger: there the two part. A walk that could not tell would
/// prove nothing.
#[tokio::test(start_paused = true)]
async fn a_model_without_a_step_is_of_another_ledger() {
    let cuts = [
        (Cut::RecoveryReleases, Class::BLIND),
        (Cut::GhostsIgnored, Class::BLIND),
        (Cut::WindowIgnored, Class::KEYED_UNASKED),
        (Cut::WindowFromLastSend, Class::KEYED_UNASKED),
        (Cut::RepeatOfTheBlind, Class::BLIND),
        (Cut::RepeatOfTheReplaced, Class::TWO_PHASE),
        (Cut::MaybeDropped, Class::TWO_PHASE),
        (Cut::RefusedRepeatBelieved, Class::TWO_PHASE),
        (Cut::TimeoutIsUnsent, Class::BLIND),
        (Cut::ServerErrorIsUnsent, Class::BLIND),
        (Cut::PermitNeverAges, Class::BLIND),
        (Cut::AliasesIgnored, Class::BLIND),
        (Cut::PublishedReopens, Class::BLIND),
    ];
    for (cut, class) in cuts {
        let without = Setup { cut: Some(cut), ..everything(class) };
        let mut parted = None;
        for seed in 0..WALKS_UNTIL_PARTED {
            let walked = walk(without.clone(), seed, &Sights::default()).await;
            parted = walked.is_err().then_some(seed);
            if parted.is_some() {
                break;
            }
        }
        let seed = parted.unwrap_or_else(|| panic!("nothing tells that {cut:?} is missing"));
        super::laws::say(&format!(
            "model: without {cut:?} it parts from the real ledger in walk {seed}"
        ));
    }
}

fn everything(class: Class) -> Setup {
    let left = Left {
        kills: 2,
        lost: 2,
        noes: 1,
        laters: 1,
        drops: 1,
        restores: 1,
        words: 1,
        agains: 1,
        withdraws: 1,
        renames: 1,
        ..Left::default()
    };
    Setup { left, generations: 2, workers: 2, horizon: 12, ..Setup::of(class) }
}
