//! One image of a disk after the power was cut, put before the real open path.

use std::path::Path;
use std::sync::Arc;

use oncecast::clock::TokioClock;
use oncecast::ledger::embedded::Embedded;
use oncecast::ledger::{Claim, Ledger as _, LedgerError, Trust};
use oncecast::model::{Request, StatusKind};

use crate::disk::{Fates, Machine, Platter, Random, Subset};

use super::hands::{self, LEDGER};
use super::life::{Kind, Life, Older, Step, recovered};

/// Up to so many undecided things, every subset of them is tried.
const WHOLE_UP_TO: usize = 4;
/// Beyond that, so many.
const SAMPLES: u64 = 10;
/// One image in so many loses power again while it is being opened.
const AGAIN: u32 = 4;
/// One image in so many has its ledger exchanged for an older one.
const EXCHANGED: u32 = 6;

/// What was checked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) images: u64,
    pub(super) whole: u64,
    pub(super) again: u64,
    pub(super) exchanged: u64,
}

/// What an image must be like.
struct Wanted<'a> {
    step: &'a Step,
    /// What the file may say.
    contents: Vec<Option<u64>>,
    clock: &'a Arc<TokioClock>,
    posts: u32,
    is_apart: bool,
}

/// Cuts the power at every moment of a step, and checks what is left.
pub(super) async fn step(life: &mut Life, step: &Step, count: &mut Count) -> Result<(), String> {
    let mut contents = vec![step.before.content, step.after.content];
    // A step may be more than one commit: what was written whole at some moment was one of them.
    contents.extend(hands::contents(&step.moments));
    if step.kind == Kind::First {
        contents.push(None);
    }
    let clock = Arc::clone(&life.clock);
    let wanted =
        Wanted { step, contents, clock: &clock, posts: life.posts, is_apart: life.is_apart };
    let older = life.older.clone();
    let granted = life.granted;
    for (at, moment) in step.moments.iter().enumerate() {
        let choices = moment.choices();
        let is_whole = choices <= WHOLE_UP_TO;
        let images = if is_whole { 1 << choices } else { SAMPLES };
        for image in 0..images {
            let mut fates: Box<dyn Fates> = match image {
                _ if is_whole => Box::new(Subset(image)),
                0 => Box::new(Subset(0)),
                1 => Box::new(Subset(u64::MAX)),
                _ => Box::new(Random(life.rng().fork())),
            };
            let platter = moment.after_cut(fates.as_mut());
            let told = |why: String| {
                format!("{}, moment {at}, image {image} of {images}: {why}", step.name)
            };
            let again = (life.rng().u32(..AGAIN) == 0).then(|| life.rng().fork());
            count.images += 1;
            count.whole += u64::from(is_whole);
            let followed = check(&wanted, &wanted.contents, &platter, again).await.map_err(told)?;
            if let Some(next) = followed {
                count.images += 1;
                count.again += 1;
                let contents = [&wanted.contents[..], &next.contents].concat();
                check(&wanted, &contents, &next.platter, None)
                    .await
                    .map_err(|why| told(format!("and again while it was opened: {why}")))?;
            }
            if step.kind == Kind::Plain && life.rng().u32(..EXCHANGED) == 0 {
                // Only what was granted before this step is sure to be witnessed in it.
                let sure = granted.min(older.last().map_or(0, |o| o.granted));
                let choices: Vec<&Older> = older.iter().filter(|o| o.granted < sure).collect();
                if !choices.is_empty() {
                    let older = choices[life.rng().usize(..choices.len())];
                    count.exchanged += 1;
                    exchanged(&wanted, platter, older).await.map_err(told)?;
                }
            }
        }
    }
    Ok(())
}

/// The power was cut once more.
struct Again {
    platter: Platter,
    contents: Vec<Option<u64>>,
}

async fn check(
    wanted: &Wanted<'_>,
    contents: &[Option<u64>],
    platter: &Platter,
    again: Option<fastrand::Rng>,
) -> Result<Option<Again>, String> {
    let step = wanted.step;
    let copy = Machine::with(platter.clone(), 0);
    let content = hands::content(&copy, Path::new(LEDGER))
        .map_err(|why| format!("the ledger cannot be read: {why}"))?;
    if !contents.contains(&content) {
        return Err("the ledger says what it never said, or has forgotten a commit".to_owned());
    }
    let machine = Machine::with(platter.clone(), 0);
    if again.is_some() {
        machine.record();
    }
    let place = hands::place(&machine, wanted.is_apart);
    let ledger = match hands::open_here(place, wanted.clock).await {
        Ok(ledger) => ledger,
        Err(LedgerError::Untrusted { .. }) if step.kind == Kind::Mend && content.is_none() => {
            return Ok(None);
        }
        Err(error) => return Err(format!("it does not open: {error}")),
    };
    opened(wanted, content, &ledger).await?;
    let mut moments = machine.moments();
    hands::leave(ledger);
    let Some(mut rng) = again.filter(|_| !moments.is_empty()) else { return Ok(None) };
    moments.truncate(rng.usize(..moments.len()) + 1);
    let contents = hands::contents(&moments);
    let last = moments.last().expect("one at least");
    Ok(Some(Again { platter: last.after_cut(&mut Random(rng)), contents }))
}

async fn opened(
    wanted: &Wanted<'_>,
    content: Option<u64>,
    ledger: &Embedded,
) -> Result<(), String> {
    let step = wanted.step;
    let said = |e: LedgerError| e.to_string();
    let trust = ledger.overview().await.map_err(said)?.trust;
    let may_send = match step.kind {
        Kind::First | Kind::Plain => true,
        // Until it is mended, and its witness with it, a person is asked once more.
        Kind::Mend => trust == Trust::Sends,
    };
    if may_send && trust != Trust::Sends {
        return Err(format!("it does not send: {trust:?}"));
    }
    if step.forgets && content == step.before.content && trust == Trust::Sends {
        return Err("an older copy sends, and nobody has taken it up".to_owned());
    }
    let proof = ledger.verify(Box::new(|_, _| {})).await.map_err(said)?;
    if let Some(fault) = proof.faults.first() {
        return Err(format!("it is not whole: {fault}"));
    }
    if step.kind == Kind::Mend {
        return Ok(());
    }
    let stands = hands::stands(ledger, wanted.posts).await.map_err(said)?;
    let as_in = |known: &hands::Stands| {
        stands.len() == known.len()
            && stands.iter().all(|(id, status)| {
                known.get(id).is_some_and(|was| recovered(was) == status.kind())
            })
    };
    let fits = if content == step.before.content {
        as_in(&step.before.stands)
    } else if content == step.after.content {
        as_in(&step.after.stands)
    } else {
        true
    };
    if !fits {
        return Err(format!(
            "its deliveries stand elsewhere: {stands:?}, and stood {:?} or {:?}",
            step.before.stands, step.after.stands
        ));
    }
    for id in &step.sent {
        let kind = stands.get(id).map(oncecast::model::Status::kind);
        if kind != Some(StatusKind::InDoubt) {
            return Err(format!("{id} may have been sent and is {kind:?}"));
        }
        let claim = ledger.claim(*id, Request::get("/")).await.map_err(said)?;
        if !matches!(claim, Claim::Gone(_)) {
            return Err(format!("{id} may have been sent and is claimed again: {claim:?}"));
        }
    }
    Ok(())
}

/// An older ledger beside the witness of this image must be seen for what it is.
async fn exchanged(wanted: &Wanted<'_>, mut platter: Platter, older: &Older) -> Result<(), String> {
    platter.put(Path::new(LEDGER), &older.platter);
    let machine = Machine::with(platter, 0);
    let place = hands::place(&machine, wanted.is_apart);
    let ledger = match hands::open_here(place, wanted.clock).await {
        Ok(ledger) => ledger,
        Err(LedgerError::Untrusted { .. }) => return Ok(()),
        Err(error) => return Err(format!("an older one does not open: {error}")),
    };
    let trust = ledger.overview().await.map_err(|e| e.to_string())?.trust;
    hands::leave(ledger);
    match trust {
        Trust::Sends => {
            Err("an older ledger sends beside a witness that should know better".into())
        }
        Trust::Observes { .. } => Ok(()),
    }
}
