//! Whether a post is there, from a list or by its id. It is called absent only by an answer that says so, or
//! by a list that provably holds all there is since before the first send.

use std::time::Duration;

use serde_json::Value;

use super::values::{Place, Scope};
use super::{Described, build, read};
use crate::adapter::{Call, Doubt, Known, PREFLIGHTS_MAX, Piece, Said, answer};
use crate::config::describe::{Find, Verb};
use crate::model::{Found, Request, Response, Time};
use crate::post::{html, link, template};

/// A post of the same link this much before our send may still be ours if clocks lie, so it keeps
/// "absent" from being said.
const NEAR: Duration = Duration::from_secs(24 * 60 * 60);
/// How long before a post was owed another hand may have posted it.
const LOOK_BACK: Duration = Duration::from_secs(24 * 60 * 60);

/// What the answers so far show, or else before which post the next page begins.
pub(super) fn read(
    adapter: &Described,
    find: &Find,
    doubt: &Doubt<'_>,
    known: &Known,
    answers: &[Response],
) -> Result<Found, String> {
    let sent = match Sent::of(adapter, find, doubt, known) {
        Ok(sent) => sent,
        Err(why) => return Ok(unsure(&why)),
    };
    let mut before = String::new();
    let mut similar = None;
    for page in answers {
        let fields = (find.id.as_deref(), find.url.as_deref());
        match read::any(&find.absent, page) {
            Some(true) => return Ok(Found::Absent),
            Some(false) => {}
            None => return Ok(cannot(page)),
        }
        match read::any(&find.there, page) {
            Some(true) => {
                return Ok(Found::There(read::reference(&adapter.url, fields, page)));
            }
            Some(false) => {}
            None => return Ok(cannot(page)),
        }
        let good = match find.good.as_slice() {
            [] => Some(page.status == 200),
            good => read::any(good, page),
        };
        let Some(mut posts) = posts(find, page).filter(|_| good == Some(true)) else {
            return Ok(cannot(page));
        };
        if find.oldest_first {
            posts.reverse();
        }
        let cutoff = answer::cutoff(sent.first_sent, sent.now, page);
        let made = |post: &Value| {
            let made = find.made.as_ref()?;
            let at = read::moment(&read::text_in(post, &made.at)?, made.unit)?;
            Some(Time::from_timestamp(at))
        };
        for post in &posts {
            let alike = sent.is(find, post);
            if alike == Alike::No {
                continue;
            }
            let reference = read::reference_in(&adapter.url, fields, post);
            let named = || reference.url.clone().or_else(|| reference.id.clone());
            match made(post) {
                _ if alike == Alike::Ours => return Ok(Found::There(reference)),
                Some(at) if at < cutoff.minus(NEAR) => {}
                Some(at) if at < cutoff => similar = Some(named()),
                // A person had it sent twice, and both say the same.
                _ if !doubt.alone => return Ok(says_the_same(named())),
                _ => return Ok(Found::There(reference)),
            }
        }
        let whole = !find.whole.is_empty() && read::any(&find.whole, page) == Some(true);
        // The last of them is the oldest.
        let reached = match posts.last() {
            None => true,
            Some(last) => whole || made(last).is_some_and(|at| at < cutoff),
        };
        if reached {
            return Ok(match similar {
                Some(named) => says_the_same(named),
                None => Found::Absent,
            });
        }
        let last = posts.last().and_then(|last| read::text_in(last, find.id.as_deref()?));
        let pages = [&find.call.path].into_iter().chain(find.call.query.values());
        let next = last.filter(|_| pages.clone().any(|text| text.contains("before")));
        match next {
            Some(next) if next != before => before = next,
            _ => return Ok(unsure("its list does not reach back to the first send")),
        }
    }
    if answers.len() >= PREFLIGHTS_MAX {
        return Ok(unsure("the posts since then are too many to read"));
    }
    Err(before)
}

/// The question that is asked before a post is sent; nothing where no list is read.
pub(super) fn look(adapter: &Described, piece: &Piece<'_>, known: &Known) -> Option<Call> {
    let find =
        adapter.description.find.as_ref().filter(|find| find.list.is_some() || find.lines)?;
    let first_sent = piece.opened.minus(LOOK_BACK);
    let request = &Request::get("");
    let doubt = Doubt { piece: *piece, request, first_sent, alone: true };
    let scope = Scope::of_doubt(adapter, &doubt, known, "");
    let request = build::request(adapter, &find.call, Verb::Get, &scope).ok()?;
    adapter.call(request, known).ok()
}

/// What the answer to it shows, by whatever hand.
pub(super) fn said(adapter: &Described, page: &Response) -> Option<Vec<Said>> {
    let find = adapter.description.find.as_ref()?;
    let is_good = match find.good.as_slice() {
        [] => page.status == 200,
        good => read::any(good, page) == Some(true),
    };
    let posts = posts(find, page).filter(|_| is_good)?;
    let fields = (find.id.as_deref(), find.url.as_deref());
    let said = |post: &Value| {
        let text = |at: &String| read::text_in(post, at);
        let mut links: Vec<String> = find.link.iter().filter_map(text).collect();
        for text in find.text.iter().filter_map(text) {
            links.extend(links_of(&text));
        }
        let at = find.made.as_ref().and_then(|made| {
            let at = read::moment(&read::text_in(post, &made.at)?, made.unit)?;
            Some(Time::from_timestamp(at))
        });
        Said { reference: read::reference_in(&adapter.url, fields, post), at, links }
    };
    let mut said: Vec<Said> = posts.iter().map(said).collect();
    if find.oldest_first {
        said.reverse();
    }
    Some(said)
}

/// What was sent, as it would be recognised.
struct Sent {
    key: Option<String>,
    link: String,
    first_sent: Time,
    now: Time,
}

#[derive(Debug, PartialEq, Eq)]
enum Alike {
    /// It holds our key.
    Ours,
    /// It says the same.
    Link,
    No,
}

impl Sent {
    fn of(
        adapter: &Described,
        find: &Find,
        doubt: &Doubt<'_>,
        known: &Known,
    ) -> Result<Self, String> {
        let scope = Scope::of_doubt(adapter, doubt, known, "");
        let key = find.key.as_ref().map(|key| scope.render(&key.is, Place::Text));
        let key = key.transpose().map_err(|why| why.0)?;
        let fields = template::Fields::of(doubt.piece.entry, adapter.mentions());
        let listed = find.list.is_some() || find.lines;
        if listed && key.is_none() && fields.link.is_empty() {
            // A list that it is not recognised in would say that it is absent.
            return Err("the post has no link to be found by".to_owned());
        }
        Ok(Self { key, link: fields.link, first_sent: doubt.first_sent, now: doubt.piece.now })
    }

    fn is(&self, find: &Find, post: &Value) -> Alike {
        if let (Some(mark), Some(key)) = (&find.key, &self.key) {
            let ours = read::text_in(post, &mark.at).is_some_and(|there| there == *key);
            if ours {
                return Alike::Ours;
            }
        }
        if self.link.is_empty() {
            return Alike::No;
        }
        let is_link = |at: &String| {
            read::text_in(post, at).is_some_and(|there| link::same(&there, &self.link))
        };
        let holds = |at: &String| {
            read::text_in(post, at)
                .is_some_and(|text| links_of(&text).iter().any(|one| link::same(one, &self.link)))
        };
        if find.link.iter().any(is_link) || find.text.iter().any(holds) {
            Alike::Link
        } else {
            Alike::No
        }
    }
}

/// The links in a text, in whatever markup.
fn links_of(text: &str) -> Vec<String> {
    let plain = html::from_html(text);
    let written = [text, plain.as_str()].into_iter().flat_map(|text| {
        link::find(text).into_iter().map(|range| text[range].replace("&amp;", "&"))
    });
    written.chain(html::hrefs(text)).collect()
}

/// The posts of a page; nothing where it holds no list.
pub(super) fn posts(find: &Find, page: &Response) -> Option<Vec<Value>> {
    if !page.whole {
        return None;
    }
    if find.lines {
        let text = std::str::from_utf8(&page.body).ok()?;
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        return lines
            .map(|line| serde_json::from_str(line).ok().filter(Value::is_object))
            .collect();
    }
    let json: Value = serde_json::from_slice(&page.body).ok()?;
    let posts: Vec<Value> = match json.pointer(find.list.as_deref()?)? {
        Value::Array(posts) => posts.clone(),
        Value::Object(posts) => posts.values().cloned().collect(),
        _ => return None,
    };
    // The fields of an error are no posts.
    posts.iter().all(Value::is_object).then_some(posts)
}

fn cannot(page: &Response) -> Found {
    unsure(&format!("cannot read its posts: {}", answer::words(page)))
}

fn says_the_same(named: Option<String>) -> Found {
    let named = named.unwrap_or_else(|| "a post".to_owned());
    unsure(&format!("{named} says the same; see whether it is ours"))
}

pub(super) fn unsure(why: &str) -> Found {
    Found::Unsure(why.to_owned())
}
