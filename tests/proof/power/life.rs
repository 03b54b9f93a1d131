//! A short life of a ledger: what a daemon and a person do with it, one step at a time, drawn from a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use oncecast::clock::TokioClock;
use oncecast::ledger::embedded::{Embedded, Mend};
use oncecast::ledger::{
    Claim, Intake, Ledger as _, LedgerError, Permit, Replay, Selection, Sight, Verdict,
};
use oncecast::model::{DeliveryId, Entry, FeedState, Reference, Request, Status, StatusKind};

use crate::disk::{Machine, Platter};

use super::hands::{self, Answer, LEDGER, Stands};

/// How a step may leave what the power cut has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The first start: there may be nothing yet.
    First,
    /// What is there before and after it may send.
    Plain,
    /// A person mends what may not send before.
    Mend,
}

/// What the ledger said at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub(super) content: Option<u64>,
    pub(super) stands: Stands,
}

/// One step, and what was on the disk before each sync of it.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) before: Said,
    pub(super) after: Said,
    pub(super) moments: Vec<Platter>,
    /// Whether what stands there before it has forgotten a permit.
    pub(super) forgets: bool,
    /// Granted before it, and neither settled nor settled by it.
    pub(super) sent: Vec<DeliveryId>,
}

/// An older file of the ledger, and how many permits had been granted by then.
#[derive(Debug, Clone)]
pub(super) struct Older {
    pub(super) platter: Platter,
    pub(super) granted: u64,
}

/// A ledger, its machine, and who uses it.
pub(super) struct Life {
    pub(super) machine: Machine,
    pub(super) is_apart: bool,
    pub(super) clock: Arc<TokioClock>,
    pub(super) posts: u32,
    pub(super) granted: u64,
    pub(super) older: Vec<Older>,
    /// Whether its ledger is exchanged for an older one now and then, and taken up.
    pub(super) mends: bool,
    rng: fastrand::Rng,
    ledger: Option<Arc<Embedded>>,
    permits: Vec<Permit>,
    /// Granted and not settled, by the permit's number.
    sent: BTreeMap<u64, DeliveryId>,
    /// Of those that were settled: what may have been heard, and no person has said otherwise.
    heard: BTreeSet<DeliveryId>,
    said: Said,
    forgets: bool,
}

type Done = Result<&'static str, LedgerError>;

impl Life {
    pub(super) fn new(seed: u64, machine: Machine) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        machine.record();
        Self {
            machine,
            is_apart: rng.bool(),
            clock: hands::clock(),
            posts: 0,
            granted: 0,
            older: Vec::new(),
            rng,
            ledger: None,
            permits: Vec::new(),
            sent: BTreeMap::new(),
            heard: BTreeSet::new(),
            said: Said::default(),
            forgets: false,
            mends: true,
        }
    }

    fn ledger(&self) -> Arc<Embedded> {
        Arc::clone(self.ledger.as_ref().expect("open"))
    }

    pub(super) fn is_open(&self) -> bool {
        self.ledger.is_some()
    }

    /// What was granted and may have been sent.
    pub(super) fn unsettled(&self) -> Vec<DeliveryId> {
        self.sent.values().copied().collect()
    }

    /// What was settled and may have been heard.
    pub(super) fn heard(&self) -> Vec<DeliveryId> {
        self.heard.iter().copied().collect()
    }

    pub(super) fn rng(&mut self) -> &mut fastrand::Rng {
        &mut self.rng
    }

    /// The first start.
    pub(super) async fn begin(&mut self) -> Result<Step, LedgerError> {
        self.step(Kind::First, async |life| {
            life.start(None).await?;
            life.poll().await
        })
        .await
    }

    /// The next step.
    pub(super) async fn next(&mut self) -> Result<Step, LedgerError> {
        match self.rng.u8(..100) {
            0..20 => self.step(Kind::Plain, async |life| life.poll().await).await,
            20..38 => self.step(Kind::Plain, async |life| life.claim(1).await).await,
            38..50 => self.step(Kind::Plain, async |life| life.claim(4).await).await,
            50..70 => self.step(Kind::Plain, async |life| life.settle().await).await,
            70..82 => self.step(Kind::Plain, async |life| life.person().await).await,
            82..92 => self.step(Kind::Plain, async |life| life.restart().await).await,
            _ => {
                if self.older.is_empty() || !self.mends {
                    return self.step(Kind::Plain, async |life| life.poll().await).await;
                }
                self.replace();
                self.step(Kind::Mend, async |life| life.mend().await).await
            }
        }
    }

    async fn step(
        &mut self,
        kind: Kind,
        work: impl AsyncFnOnce(&mut Self) -> Done,
    ) -> Result<Step, LedgerError> {
        let before = self.said.clone();
        let sent = self.sent.clone();
        self.older.push(Older { platter: self.machine.platter(), granted: self.granted });
        if kind == Kind::First {
            self.older.clear();
        }
        self.machine.moments();
        let name = work(self).await?;
        let mut moments = self.machine.moments();
        moments.push(self.machine.platter());
        self.said = self.says().await?;
        let still = |(number, _): &(&u64, &DeliveryId)| self.sent.contains_key(number);
        let sent = sent.iter().filter(still).map(|(_, id)| *id).collect();
        let forgets = std::mem::take(&mut self.forgets);
        Ok(Step { name, kind, before, after: self.said.clone(), moments, forgets, sent })
    }

    async fn says(&self) -> Result<Said, LedgerError> {
        let copy = Machine::with(self.machine.platter(), 0);
        let content = hands::content(&copy, Path::new(LEDGER)).map_err(LedgerError::Unusable)?;
        let stands = match &self.ledger {
            Some(ledger) => hands::stands(ledger, self.posts).await?,
            None => Stands::new(),
        };
        Ok(Said { content, stands })
    }

    pub(super) async fn start(&mut self, mend: Option<Mend>) -> Result<(), LedgerError> {
        let place = hands::place(&self.machine, self.is_apart);
        self.ledger = Some(hands::open(place, &self.clock, mend).await?);
        Ok(())
    }

    /// One more post, and now and then another text for an old one.
    async fn poll(&mut self) -> Done {
        self.posts += 1;
        let edited = self.rng.u32(..self.posts);
        let entries = (0..self.posts)
            .map(|post| Entry {
                guid: Some(hands::guid(post)),
                link: Some(hands::guid(post)),
                title: format!("Post {post}"),
                content: format!("{} {post}", if post == edited { "Edited" } else { "Text" })
                    .repeat(1 + post as usize * 20),
                ..Entry::default()
            })
            .collect();
        let sight = Sight::Document { entries, complete: true };
        let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
        self.ledger().admit(intake).await?;
        Ok("poll")
    }

    fn standing(&self, kind: StatusKind) -> Vec<DeliveryId> {
        self.said.stands.iter().filter(|(_, s)| s.kind() == kind).map(|(id, _)| *id).collect()
    }

    /// Claims what is due, so many at once: they share one commit and one write of the witness.
    async fn claim(&mut self, most: usize) -> Done {
        tokio::time::advance(Duration::from_secs(1_800)).await;
        let ledger = self.ledger();
        let mut due = self.standing(StatusKind::Due);
        self.rng.shuffle(&mut due);
        due.truncate(most);
        let gate = (due.len() > 1).then(|| self.machine.gate());
        let mut first = None;
        if let Some(gate) = &gate {
            // The writer is held in a commit of its own until all of them wait.
            first = Some(ledger.trouble("lane", "slow".into(), None, false));
            gate.wait();
        }
        let claims: Vec<_> =
            due.iter().map(|id| ledger.claim(*id, Request::get(format!("/{id}")))).collect();
        drop(gate);
        let mut failed = match first {
            Some(first) => first.await.err(),
            None => None,
        };
        for claim in claims {
            match claim.await {
                Ok(Claim::Granted(permit)) => {
                    self.granted += 1;
                    self.sent.insert(permit.number(), permit.delivery());
                    self.permits.push(permit);
                }
                Ok(Claim::NotNow { .. } | Claim::Gone(_)) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), Err)?;
        Ok(if most > 1 { "claims" } else { "claim" })
    }

    async fn settle(&mut self) -> Done {
        if self.permits.is_empty() {
            return self.claim(1).await;
        }
        let at = self.rng.usize(..self.permits.len());
        let permit = self.permits.swap_remove(at);
        let number = permit.number();
        if self.rng.u8(..8) == 0 {
            // Dropped on the way: it stays claimed.
            return Ok("drop");
        }
        let answers = [
            Answer::Status(200),
            Answer::Status(200),
            Answer::Status(422),
            Answer::Status(429),
            Answer::Status(500),
            Answer::NotSent,
            Answer::Lost,
        ];
        let answer = answers[self.rng.usize(..answers.len())];
        let spent = hands::publish(permit, answer).await;
        // Whatever becomes of that, it may be settled.
        self.sent.remove(&number);
        if !matches!(answer, Answer::Status(429) | Answer::NotSent) {
            self.heard.insert(spent.delivery());
        }
        self.ledger().settle(&spent).await?;
        Ok("settle")
    }

    async fn person(&mut self) -> Done {
        let who = || "person".to_owned();
        let ledger = self.ledger();
        let doubts = self.standing(StatusKind::InDoubt);
        let all: Vec<DeliveryId> = self.said.stands.keys().copied().collect();
        match (self.rng.u8(..6), doubts.first(), all.last()) {
            (0, Some(id), _) => {
                self.sent.retain(|_, sent| sent != id);
                ledger.resolve(*id, Verdict::PersonPublished(Reference::default()), who()).await?;
            }
            (1, Some(id), _) => {
                tokio::time::advance(hands::DOUBT_AFTER).await;
                self.sent.retain(|_, sent| sent != id);
                self.heard.remove(id);
                ledger.resolve(*id, Verdict::PersonAbsent, who()).await?;
            }
            (2, _, Some(id)) => {
                let selection = Selection { entry: id.entry, group: None };
                // A delivery under way is refused, as it should be.
                let withdrawn = ledger.withdraw(selection, "old".into(), who()).await;
                refused_is_fine(withdrawn)?;
            }
            (3, _, Some(id)) => {
                let selection = Selection { entry: id.entry, group: None };
                let replay = Replay { selection, again: Some("wanted".into()), dry_run: false };
                refused_is_fine(ledger.reopen(replay, who()).await)?;
            }
            (4, ..) => {
                ledger.pause(None, "a rest".into(), who()).await?;
                ledger.resume(None, who()).await?;
            }
            _ => {
                ledger.stop_all("a scare".into(), who()).await?;
                ledger.resume(None, who()).await?;
            }
        }
        Ok("person")
    }

    /// Ends the daemon, in order or not, and starts it.
    async fn restart(&mut self) -> Done {
        self.stop().await;
        self.start(None).await?;
        Ok("restart")
    }

    pub(super) async fn stop(&mut self) {
        self.permits.clear();
        let ledger = self.ledger.take();
        if self.rng.bool() {
            self.machine.kill();
        } else if let Some(ledger) = &ledger {
            ledger.close().await.ok();
        }
    }

    /// Puts an older file in the ledger's place, as a backup does; then it may not send.
    fn replace(&mut self) {
        self.permits.clear();
        self.ledger = None;
        self.machine.kill();
        self.sent.clear();
        self.heard.clear();
        let older = self.older[self.rng.usize(..self.older.len())].clone();
        self.forgets = older.granted < self.granted;
        self.machine.put(Path::new(LEDGER), &older.platter);
        self.said = Said::default();
        let copy = Machine::with(self.machine.platter(), 0);
        self.said.content = hands::content(&copy, Path::new(LEDGER)).ok().flatten();
    }

    async fn mend(&mut self) -> Done {
        self.start(Some(Mend::AdoptRestored)).await?;
        Ok("adopt")
    }
}

fn refused_is_fine<T>(answer: Result<T, LedgerError>) -> Result<(), LedgerError> {
    match answer {
        Ok(_) | Err(LedgerError::Refused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Where a delivery stands after a start.
pub(super) fn recovered(status: &Status) -> StatusKind {
    match status.kind() {
        StatusKind::Claimed => StatusKind::InDoubt,
        kind => kind,
    }
}
