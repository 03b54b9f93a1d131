//! A ledger's memory without its disk: what admission decides is remembered as the ledger would.

use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;

use oncecast::ledger::Policy;
use oncecast::ledger::admission::{self, Decision, Habits, Memory, Today};
use oncecast::model::identity::{Sketch, shared_mark};
use oncecast::model::{Entry, Fingerprint, HoldReason, Time};

/// What is remembered of one feed.
#[derive(Default)]
pub(super) struct Mind {
    aliases: RefCell<HashMap<Fingerprint, u64>>,
    entries: RefCell<Vec<Entry>>,
    habits: RefCell<Habits>,
    sketches: RefCell<Vec<Sketch>>,
    begun: RefCell<bool>,
    /// Walls so far out that recognising alone decides.
    is_open: bool,
}

/// What became of one item.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate {
    Sent(u64),
    Held(u64, HoldReason),
    Known(u64),
    Passed,
}

impl Memory for Mind {
    type Error = Infallible;

    fn known_by(&self, alias: &Fingerprint) -> Result<Option<u64>, Infallible> {
        Ok(self.aliases.borrow().get(alias).copied())
    }

    fn entry(&self, number: u64) -> Result<(Entry, String), Infallible> {
        Ok((self.entries.borrow()[number as usize].clone(), number.to_string()))
    }

    fn seen_in_feed(&self, _: u64) -> Result<bool, Infallible> {
        Ok(true)
    }

    fn habits(&self) -> Habits {
        self.habits.borrow().clone()
    }

    fn sketches(&self) -> Result<Vec<Sketch>, Infallible> {
        Ok(self.sketches.borrow().clone())
    }
}

impl Mind {
    /// One that holds nothing for its number.
    pub(super) fn without_walls() -> Self {
        Self { is_open: true, ..Self::default() }
    }

    /// One document at a moment; `max_age` is not this test's matter.
    pub(super) fn sees(&self, entries: &[Entry], now: Time) -> Vec<Fate> {
        let mut policy = Policy { max_age: std::time::Duration::MAX, ..Policy::default() };
        if self.is_open {
            (policy.burst, policy.share) = (u32::MAX, 1.0);
        }
        let first = !self.begun.replace(true);
        let today = Today { clock: now, counted: now };
        let Ok(plan) = admission::plan("feed", entries, self, &policy, first, today);
        let mut fates = Vec::new();
        let mut present = Vec::new();
        for (entry, decision) in entries.iter().zip(plan.decisions) {
            let (number, aliases) = match &decision {
                Decision::New { aliases, .. } => {
                    let number = self.entries.borrow().len() as u64;
                    self.entries.borrow_mut().push(entry.clone());
                    self.sketches.borrow_mut().push(Sketch::of(number, entry));
                    (number, aliases.clone())
                }
                Decision::Known { number, learn, .. } => {
                    self.entries.borrow_mut()[*number as usize] = entry.clone();
                    (*number, learn.clone())
                }
                Decision::Repeat | Decision::Nameless => {
                    fates.push(Fate::Passed);
                    continue;
                }
            };
            present.push(number);
            for alias in aliases {
                self.aliases.borrow_mut().entry(alias.fingerprint).or_insert(number);
            }
            fates.push(match decision {
                Decision::New { hold: Some(why), .. } => Fate::Held(number, why),
                Decision::New { .. } => Fate::Sent(number),
                _ => Fate::Known(number),
            });
        }
        for alias in plan.shared {
            self.aliases.borrow_mut().entry(shared_mark(&alias.fingerprint)).or_insert(0);
        }
        *self.habits.borrow_mut() = plan.habits;
        self.habits.borrow_mut().present = present;
        fates
    }
}
