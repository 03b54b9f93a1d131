//! All that stands there, page by page, as a description says it is listed.

use super::values::Scope;
use super::{Described, build, find, read};
use crate::adapter::{Call, Known, Unfit};
use crate::config::Group;
use crate::config::describe::{Posts, Verb};
use crate::model::{Request, Response};

/// Where the next page begins.
#[derive(Debug, Default)]
pub(super) struct Next {
    /// Its number, from 1.
    pub(super) page: usize,
    /// What the last one said comes next.
    pub(super) cursor: String,
    /// The oldest post of the last one.
    pub(super) before: String,
}

/// The call for the next page; nothing at the end, or where nothing is listed.
pub(super) fn look(
    adapter: &Described,
    group: &Group,
    known: &Known,
    answers: &[Response],
) -> Option<Call> {
    let posts = adapter.description.posts.as_ref()?;
    let next = next(adapter, posts, answers)?;
    let request = request(adapter, posts, group, known, &next).ok()?;
    // A call that takes no notice of where it should begin would bring the same page again.
    let first = self::request(adapter, posts, group, known, &Next { page: 1, ..Next::default() });
    if !answers.is_empty() && first.is_ok_and(|first| first == request) {
        return None;
    }
    adapter.call(request, known).ok()
}

/// The call for one page.
///
/// # Errors
/// In words, where it cannot be written.
pub(super) fn request(
    adapter: &Described,
    posts: &Posts,
    group: &Group,
    known: &Known,
    next: &Next,
) -> Result<Request, Unfit> {
    let scope = Scope::of_posts(adapter, group, known, next);
    build::request(adapter, &posts.call, Verb::Get, &scope)
}

fn next(adapter: &Described, posts: &Posts, answers: &[Response]) -> Option<Next> {
    let page = answers.len() + 1;
    let Some(last) = answers.last() else { return Some(Next { page, ..Next::default() }) };
    let find = adapter.description.find.as_ref()?;
    let mut listed = find::posts(find, last)?;
    if find.oldest_first {
        listed.reverse();
    }
    let oldest = listed.last()?;
    let before = find.id.as_deref().and_then(|id| read::text_in(oldest, id)).unwrap_or_default();
    if read::any(&posts.last, last) != Some(false) {
        return None;
    }
    let cursor = match &posts.next {
        Some(at) => read::text(last, at)?,
        None => String::new(),
    };
    Some(Next { page, cursor, before })
}
