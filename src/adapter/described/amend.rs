//! Changing and taking away a post as a description has it: one call that names the post, and what its
//! answers mean.

use super::values::Scope;
use super::{Described, build, read};
use crate::adapter::{Amending, Deed, Known, answer};
use crate::config::describe::{Amendment, Means, Verb};
use crate::model::{Change, DeferCause, Effect, Outcome, Reference, Response};

impl Described {
    /// What its description says of a change.
    pub(super) fn amendment(&self, change: Change) -> Option<&Amendment> {
        match change {
            Change::Update => self.description.update.as_ref(),
            Change::Retract => self.description.retract.as_ref(),
        }
    }
}

pub(super) fn step(adapter: &Described, deed: &Deed<'_>, known: &Known) -> Amending {
    let Some(amendment) = adapter.amendment(deed.change) else {
        let word = deed.change.word();
        return Amending::Cannot(format!("its description has no [{word}]"));
    };
    let scope = Scope::of_deed(adapter, deed, known);
    let verb = match deed.change {
        Change::Update => Verb::Put,
        Change::Retract => Verb::Delete,
    };
    let request = build::request(adapter, &amendment.call, verb, &scope)
        .and_then(|request| adapter.with_open_headers(request, known));
    request.map_or_else(answer::cannot, Amending::Ready)
}

/// The first line of its table that fits; below the table stand the usual words for done and for gone.
pub(super) fn amended(adapter: &Described, change: Change, response: &Response) -> Effect {
    let answers = adapter.amendment(change).map_or(&[][..], |amendment| &amendment.answers);
    let reason = || answer::words(response);
    let is_known = answers.iter().any(|when| read::holds(when, response) != Some(false));
    match read::means(answers, response) {
        Some(Means::Published | Means::Duplicate) => {
            Effect::of(answer::success(response, Reference::default()))
        }
        Some(Means::Gone) => Effect::Gone { reason: reason() },
        Some(Means::Refused) => Effect::Not(Outcome::Refused { reason: reason() }),
        Some(Means::Later) => Effect::Not(adapter.deferred(DeferCause::RateLimited, response)),
        Some(Means::Overloaded) => Effect::Not(adapter.deferred(DeferCause::Overloaded, response)),
        Some(Means::Credentials) => {
            Effect::Not(answer::deferred(DeferCause::Credentials, response))
        }
        Some(Means::Unknown) => Effect::Not(Outcome::Unknown { reason: reason() }),
        // A line that may fit, and cannot be told for want of a body: nobody knows.
        None if is_known => Effect::Not(Outcome::Unknown { reason: reason() }),
        // Where it says in its body what is done, no status says so.
        None if (200..300).contains(&response.status)
            && answers.iter().any(|when| when.means == Some(Means::Published)) =>
        {
            Effect::Not(Outcome::Unknown { reason: reason() })
        }
        None => match response.status {
            404 | 410 => Effect::Gone { reason: reason() },
            429 => Effect::Not(adapter.deferred(DeferCause::RateLimited, response)),
            200..=299 => Effect::of(answer::success(response, Reference::default())),
            _ => Effect::of(Outcome::from_status(response, Reference::default())),
        },
    }
}
