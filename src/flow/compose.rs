//! What a group will get: one way to make it, for sending, for the list of what a person posts, and for a
//! preview.

use crate::adapter::{Adapter, Known, Piece, Post};
use crate::config::Group;
use crate::ledger::DueWork;
use crate::model::{Request, Time};

/// A delivery on its way to its group.
#[must_use]
pub fn piece<'a>(due: &'a DueWork, group: &'a Group, now: Time) -> Piece<'a> {
    Piece {
        entry: &due.entry,
        entry_id: due.entry_id,
        group,
        key: &due.key,
        opened: due.opened,
        number: due.id.entry,
        now,
    }
}

/// The text of a post and the request that carries it.
///
/// # Errors
/// In words, why it cannot be made into a post.
pub fn compose(
    adapter: &dyn Adapter,
    piece: &Piece<'_>,
    known: &Known,
) -> Result<(Post, Request), String> {
    let post = adapter.compose(piece, known).map_err(|e| e.to_string())?;
    let request = adapter.request(&post, piece, known).map_err(|e| e.to_string())?;
    Ok((post, request))
}
