//! What platforms with drafts share: the address by which a draft is found again, and what a failed call on
//! the way to one means.

use serde_json::Value;

use super::{Piece, Post, Stage, Unfit, answer};
use crate::model::{DeferCause, Response};
use crate::post::html;

/// The most of a title in an address, in bytes.
const WORDS_MAX: usize = 60;
/// Digits of the key in an address: 48 bits, so that no two posts of a site share one.
const KEY_DIGITS: usize = 12;

/// The last part of a post's address: words of its title, and digits of the delivery's key, by which its
/// draft is found again after a crash.
pub(super) fn slug(post: &Post, piece: &Piece<'_>) -> String {
    let mut slug = String::new();
    let title = post.title.as_deref().unwrap_or_default().to_lowercase();
    for word in title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        if slug.len() + word.len() > WORDS_MAX {
            break;
        }
        slug.push_str(word);
        slug.push('-');
    }
    slug.push_str(piece.key.as_str().get(..KEY_DIGITS).unwrap_or_default());
    slug
}

/// Where a whole article leads to as a post: its first and its last link, by one of which whoever posts an
/// article again names where it stands. Those between are what it talks of.
pub(super) fn links(html: &str) -> Vec<String> {
    let links = html::hrefs(html);
    let ends = [links.first(), links.last().filter(|_| links.len() > 1)];
    ends.into_iter().flatten().cloned().collect()
}

/// A call on the way to a draft that brought nothing.
pub(super) fn failed(response: &Response, what: &str) -> Stage {
    let reason = format!("{what}: {}", answer::words(response));
    let later =
        |cause| Stage::Later { wait: answer::wait(response), cause, reason: reason.clone() };
    match response.status {
        401 | 403 => later(DeferCause::Credentials),
        429 => later(DeferCause::RateLimited),
        // It cannot be given this post, today or tomorrow.
        400 | 413 | 422 => Stage::Unfit(Unfit(reason)),
        _ => later(DeferCause::Overloaded),
    }
}

/// A draft that a person has since hidden, scheduled or thrown away: what becomes of it is theirs to say.
pub(super) fn taken_in_hand(status: &Value) -> Stage {
    let status = status.as_str().unwrap_or("of no known kind");
    let why = format!(
        "somebody has made its draft {status:?} there: publish it there, or withdraw it here"
    );
    Stage::Unfit(Unfit(why))
}

/// A platform that has what no repeat can mend, in words.
pub(super) fn unsure(why: &str) -> super::Ask {
    super::Ask::Answer(crate::model::Found::Unsure(why.to_owned()))
}
