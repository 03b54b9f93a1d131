//! Groups that a person serves, since no API reaches them: the text is made as for every other group, and
//! what becomes of it a person says. Nothing is ever called.

use super::{
    Adapter, Ask, CallSecrets, Doubt, Known, Pictures, Piece, Post, Prepare, Unfit, compose,
};
use crate::config::Group;
use crate::model::{Guarantee, IdempotencyKey, Method, Outcome, Request, Response, Time};
use crate::post::fit::{Limit, Unit};
use crate::post::template::Mentions;

/// What a LinkedIn post may hold, in its groups too; others take more.
const LIMIT: usize = 3_000;

/// Any number of groups that one person serves.
#[derive(Debug)]
pub(super) struct ByHand;

impl Adapter for ByHand {
    fn guarantee(&self, _: &Known) -> Guarantee {
        Guarantee::Blind
    }

    fn prepare(&self, known: &Known, _: &[Response], _: &Group, _: Time) -> Prepare {
        Prepare::Ready(known.clone())
    }

    fn compose(&self, piece: &Piece<'_>, _: &Known) -> Result<Post, Unfit> {
        let max = piece.group.limit.map_or(LIMIT, |limit| limit as usize);
        let limit = Limit { unit: Unit::Graphemes, max, url_length: None, max_bytes: None };
        // Pasted text calls nobody: a mention there is picked from a list.
        compose::post(piece, Mentions::Keep, &limit)
    }

    /// What the ledger freezes: the text alone, since it goes to no server.
    fn request(&self, post: &Post, _: &Piece<'_>, _: &Known) -> Result<Request, Unfit> {
        let (path, headers, body) = (String::new(), Vec::new(), post.text.clone());
        Ok(Request { method: Method::Post, path, headers, body })
    }

    fn pictures(&self) -> Pictures {
        Pictures::Unseen
    }

    fn authorise(
        &self,
        _: &Request,
        _: &IdempotencyKey,
        _: &Known,
        _: Time,
    ) -> Result<CallSecrets, Unfit> {
        Err(Unfit("a person posts it by hand: there is nobody to log in to".to_owned()))
    }

    fn judge(&self, _: &Response) -> Outcome {
        Outcome::Unknown { reason: "a person posts it, and says what became of it".to_owned() }
    }

    fn ask(&self, _: &Doubt<'_>, _: &Known, _: &[Response]) -> Ask {
        Ask::Cannot
    }
}
