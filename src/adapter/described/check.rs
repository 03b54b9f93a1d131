//! Whether a description can keep what it declares: everything is rendered once for a full and for a sparse
//! entry, and a promise that the request or the question cannot carry is an error before the first post.

use std::time::Duration;

use super::values::{self, Scope};
use super::{Described, read};
use super::{build, posts};
use crate::adapter::{Adapter as _, Amending, Deed, Doubt, Known, Piece};
use crate::config::Group;
use crate::config::describe::{Class, Means, Outline, Span, Verb, When};
use crate::model::{Change, Entry, EntryId, Fingerprint, IdempotencyKey, Reference, Request, Time};

/// A window that is longer is a mistake.
const WINDOW_MAX: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// What is wrong with a description, for one of its groups.
///
/// # Errors
/// In words that name the key.
pub(in crate::adapter) fn check(adapter: &Described, group: &Group) -> Result<(), String> {
    outlines(adapter)?;
    answers(adapter)?;
    places(adapter)?;
    let known = sample_known(adapter);
    secrets(adapter, &known)?;
    let full = Sample::full();
    let request = full.request(adapter, group, &known, "a")?;
    for sparse in [Sample::sparse(), Sample::bare()] {
        sparse.request(adapter, group, &known, "a")?;
    }
    if request == Sample::other().request(adapter, group, &known, "a")? {
        return Err(
            "publish.call says nothing of the entry: it would post the same each time".to_owned()
        );
    }
    let other_key = full.request(adapter, group, &known, "b")?;
    promise(adapter, &request, &other_key)?;
    changes(adapter, group, &known)?;
    listed(adapter, group, &known)?;
    full.question(adapter, group, &known)
}

/// The declared guarantee, and what it takes.
fn promise(adapter: &Described, one: &Request, other: &Request) -> Result<(), String> {
    let description = &adapter.description;
    let in_place = one.path != other.path || one.body != other.body;
    let has_duplicate =
        description.publish.answers.iter().any(|answer| answer.means == Some(Means::Duplicate));
    let can_ask = description.find.is_some();
    let wrong = match (description.guarantee, description.window) {
        (Class::Keyed, None) => {
            "keyed needs a window, such as window = \"24h\": how long a key is remembered"
        }
        (Class::Keyed, Some(Span(window))) if window.is_zero() || window > WINDOW_MAX => {
            "the window of keyed is longer than 31 days, or nothing"
        }
        (Class::Keyed, _) if one == other => {
            "keyed means that the request carries {{ key }} (or {{ uuid }}), and it does not"
        }
        (class, Some(_)) if class != Class::Keyed => "only keyed has a window",
        (Class::DerivedId, _) if !in_place => {
            "derived-id means that the id is made of {{ key }} in the path or the body, and it is not"
        }
        (Class::Verifiable, _) if !can_ask => {
            "verifiable means that it can be asked: there is no [find]"
        }
        (Class::ContentDedup, _) if !has_duplicate => {
            "content-dedup means that it says so of a repeat: no answer means \"duplicate\""
        }
        (Class::Blind, _) if can_ask => "blind, and yet there is a [find]: declare verifiable",
        _ => return Ok(()),
    };
    Err(format!("guarantee: {wrong}"))
}

/// The calls that change a post: each names it, and says another thing for another post.
fn changes(adapter: &Described, group: &Group, known: &Known) -> Result<(), String> {
    for change in [Change::Update, Change::Retract] {
        let word = change.word();
        let Some(amendment) = adapter.amendment(change) else { continue };
        let not_done = |means: Option<Means>| !matches!(means, Some(Means::Published));
        for answer in &amendment.answers {
            let proxy = |status: &u16| matches!(status, 408 | 425 | 500 | 502 | 504 | 520..=599);
            let by_body = answer.at.is_some() || !answer.contains.is_empty();
            if answer.means.is_none() || matches!(answer.means, Some(Means::Duplicate)) {
                return Err(format!("{word}.answers: one does not say what it means for a change"));
            }
            if !by_body && answer.status.iter().any(proxy) && answer.means != Some(Means::Unknown) {
                return Err(format!(
                    "{word}.answers: a status that can come from a proxy proves nothing by itself"
                ));
            }
            if answer.status.is_empty() && !by_body && not_done(answer.means) {
                return Err(format!("{word}.answers: one fits every answer there is"));
            }
        }
        let of = |id: &str| Sample::full().change(adapter, group, known, (change, id));
        if of("11")? == of("22")? {
            return Err(format!("{word}.call does not name the post: it needs {{{{ id }}}}"));
        }
    }
    Ok(())
}

/// What stands there is listed by a call that can be written, and read by its links.
fn listed(adapter: &Described, group: &Group, known: &Known) -> Result<(), String> {
    let Some(listed) = &adapter.description.posts else { return Ok(()) };
    let find = adapter.description.find.as_ref();
    let is_read = find.is_some_and(|find| {
        (find.list.is_some() || find.lines) && !(find.link.is_empty() && find.text.is_empty())
    });
    if !is_read {
        return Err("posts are read as find says: it needs a list, and link or text".to_owned());
    }
    let next = |page: usize| {
        let (cursor, before) = ("c".repeat(page), "7".repeat(page));
        let next = posts::Next { page, cursor, before };
        posts::request(adapter, listed, group, known, &next)
            .map_err(|why| format!("posts.call: {why}"))
    };
    if listed.next.is_some() && next(1)? == next(2)? {
        return Err("posts.next: posts.call does not say {{ cursor }}".to_owned());
    }
    Ok(())
}

fn answers(adapter: &Described) -> Result<(), String> {
    let answers = &adapter.description.publish.answers;
    for answer in answers {
        let Some(means) = answer.means else {
            return Err("publish.answers: one does not say what it means".to_owned());
        };
        if means == Means::Gone {
            return Err("publish.answers: gone is an answer to a change".to_owned());
        }
        let by_body = answer.at.is_some() || !answer.contains.is_empty() || answer.is.is_some();
        if answer.status.is_empty() && !by_body {
            return Err("publish.answers: one fits every answer there is".to_owned());
        }
        let proxy = |status: &u16| matches!(status, 408 | 425 | 500 | 502 | 504 | 520..=599);
        let not_performed = !matches!(means, Means::Published | Means::Duplicate | Means::Unknown);
        if let Some(status) =
            answer.status.iter().find(|s| proxy(s)).filter(|_| not_performed && !by_body)
        {
            return Err(format!(
                "publish.answers: {status} can come from a proxy when the post is long there, so it cannot \
                 mean that it is not; name what stands in the body too, or leave it out"
            ));
        }
        if means == Means::Published && answer.status.iter().any(|status| *status >= 400) {
            return Err(
                "publish.answers: an error cannot mean published; is it duplicate?".to_owned()
            );
        }
    }
    if !answers.iter().any(|answer| answer.means == Some(Means::Published)) {
        return Err("publish.answers: none means published".to_owned());
    }
    let find = adapter.description.find.iter();
    let asked = find.flat_map(|find| [&find.good, &find.there, &find.absent, &find.whole]);
    let checks = adapter.description.check.iter().flat_map(|check| [&check.good, &check.denied]);
    let last = adapter.description.posts.iter().map(|posts| &posts.last);
    let conditions: Vec<&When> = asked.chain(checks).chain(last).flatten().collect();
    if conditions.iter().any(|when| when.means.is_some()) {
        return Err("means stands in publish.answers alone".to_owned());
    }
    let all = conditions.into_iter().chain(answers);
    if let Some(status) =
        all.flat_map(|when| &when.status).find(|status| !(100..=599).contains(*status))
    {
        return Err(format!("{status} is no status"));
    }
    Ok(())
}

/// Where something is said to stand: a JSON pointer, or a header.
fn places(adapter: &Described) -> Result<(), String> {
    let description = &adapter.description;
    let publish = &description.publish;
    let mut said: Vec<(&str, &String)> = Vec::new();
    said.extend(description.wait.iter().map(|wait| ("wait.at", &wait.at)));
    said.extend(
        publish.answers.iter().filter_map(|answer| Some(("answers.at", answer.at.as_ref()?))),
    );
    said.extend(publish.id.iter().map(|at| ("publish.id", at)));
    said.extend(
        description.check.iter().flat_map(|check| check.learn.values()).map(|at| ("learn", at)),
    );
    let mut links: Vec<(&str, &String)> =
        publish.link.iter().map(|at| ("publish.link", at)).collect();
    if let Some(find) = &description.find {
        said.extend(find.list.iter().map(|at| ("find.list", at)));
        said.extend(find.id.iter().map(|at| ("find.id", at)));
        said.extend(find.key.iter().map(|key| ("find.key.at", &key.at)));
        said.extend(find.link.iter().map(|at| ("find.link", at)));
        said.extend(find.text.iter().map(|at| ("find.text", at)));
        said.extend(find.made.iter().map(|made| ("find.made.at", &made.at)));
        let posts = description.posts.iter();
        said.extend(posts.filter_map(|posts| Some(("posts.next", posts.next.as_ref()?))));
        links.extend(find.url.iter().map(|at| ("find.url", at)));
        let recognised = find.key.is_some() || !find.link.is_empty() || !find.text.is_empty();
        let listed = find.list.is_some() || find.lines;
        if !(listed && recognised || !find.there.is_empty()) {
            return Err(
                "find says no post: it needs there, or a list and one of key, link and text"
                    .to_owned(),
            );
        }
        let bare = |when: &When| when.at.is_none() && when.contains.is_empty();
        if find.there.iter().any(bare) {
            return Err("find.there: a status alone shows no post; say what stands in the answer"
                .to_owned());
        }
        if find.absent.is_empty() && find.whole.is_empty() && find.made.is_none() && listed {
            return Err("find can never say that a post is absent: it needs absent, whole or made"
                .to_owned());
        }
    }
    for (key, at) in said {
        if !read::is_place(at) {
            return Err(format!(
                "{key}: {at:?} is no JSON pointer, such as \"/data/id\", and no header:NAME"
            ));
        }
    }
    for (key, at) in links {
        if !read::is_place(at) && !at.contains("{{") {
            return Err(format!("{key}: {at:?} is neither a place in the answer nor a template"));
        }
    }
    Ok(())
}

fn outlines(adapter: &Described) -> Result<(), String> {
    let description = &adapter.description;
    let checks = description.check.iter().map(|check| ("check.call", &check.call));
    let find = description.find.iter().map(|find| ("find.call", &find.call));
    let update = description.update.iter().map(|update| ("update.call", &update.call));
    let retract = description.retract.iter().map(|retract| ("retract.call", &retract.call));
    let changes = update.chain(retract);
    let publish = [("publish.call", &description.publish.call)];
    let posts = description.posts.iter().map(|posts| ("posts.call", &posts.call));
    for (name, outline) in checks.chain(posts).chain(publish).chain(find).chain(changes) {
        let Outline { json, form, body, .. } = outline;
        let bodies = [json.is_some(), form.is_some(), body.is_some()];
        if bodies.into_iter().filter(|has| *has).count() > 1 {
            return Err(format!("{name}: it has more than one of json, form and body"));
        }
        let method = outline.method;
        let is_harmless = ["check", "find", "posts"].iter().any(|of| name.starts_with(of));
        if is_harmless && !matches!(method, None | Some(Verb::Get | Verb::Post)) {
            return Err(format!(
                "{name}: a harmless call changes nothing, so it is a GET or a POST"
            ));
        }
        if !is_harmless && matches!(method, Some(Verb::Get)) {
            return Err(format!("{name}: a GET publishes nothing, and changes nothing"));
        }
        let address = description.address.as_ref().map(|name| format!("{{{{ {name} }}}}"));
        let starts = outline.path.is_empty()
            || outline.path.starts_with('/')
            || address.is_some_and(|address| outline.path.starts_with(&address));
        if !starts {
            return Err(format!("{name}: its path begins with a /"));
        }
        for (header, template) in &outline.headers {
            if adapter
                .is_secret(template)
                .map_err(|why| format!("{name}.headers.{header}: {why}"))?
            {
                return Err(format!(
                    "{name}.headers.{header}: a secret in it would be kept; move it to [headers]"
                ));
            }
        }
    }
    Ok(())
}

/// Secrets that are here are tried where they go; each that is declared has a use.
fn secrets(adapter: &Described, known: &Known) -> Result<(), String> {
    let description = &adapter.description;
    if let Some(name) =
        description.address.as_ref().filter(|name| !description.secrets.contains_key(*name))
    {
        return Err(format!("address: there is no {name} among the secrets"));
    }
    if adapter.secrets.values().all(crate::config::Secret::is_resolved) {
        values::fills(adapter).map_err(|why| why.0)?;
    }
    adapter.secret_headers(known).map(drop).map_err(|why| format!("headers: {why}"))
}

fn sample_known(adapter: &Described) -> Known {
    let mut known = Known::default();
    for name in adapter.description.check.iter().flat_map(|check| check.learn.keys()) {
        known.facts.insert(format!("checked / {name}"), "1".to_owned());
    }
    known
}

/// An entry as a feed might have it.
struct Sample(Entry);

impl Sample {
    fn full() -> Self {
        Self(Entry {
            guid: Some("https://blog.example/?p=1".to_owned()),
            link: Some("https://blog.example/hello?a=1&b=2".to_owned()),
            title: "Hello \"world\" & <you>".to_owned(),
            summary: "<p>A first post.</p>".to_owned(),
            content: "<p>A first post, with more words.</p>".to_owned(),
            published: Some(Time::from_millis(1_767_323_045_000)),
            author: Some("Ann".to_owned()),
            categories: vec!["open source".to_owned()],
            language: Some("en-GB".to_owned()),
            ..Entry::default()
        })
    }

    fn other() -> Self {
        let Self(full) = Self::full();
        Self(Entry {
            link: Some("https://blog.example/other".to_owned()),
            title: "Other".to_owned(),
            summary: "<p>Another post.</p>".to_owned(),
            content: "<p>Another post.</p>".to_owned(),
            ..full
        })
    }

    fn sparse() -> Self {
        Self(Entry {
            link: Some("https://blog.example/a".to_owned()),
            title: "A".to_owned(),
            ..Entry::default()
        })
    }

    fn bare() -> Self {
        Self(Entry { title: "A".to_owned(), ..Entry::default() })
    }

    fn with<T>(&self, group: &Group, key: &str, then: impl FnOnce(&Piece<'_>) -> T) -> T {
        let entry_id = EntryId::from_fingerprint(&Fingerprint::of("oncecast/check/1", &[key]));
        let key = IdempotencyKey::of(&entry_id, &group.name, 1);
        let now = Time::from_millis(1_767_323_045_000);
        then(&Piece { entry: &self.0, entry_id, group, key: &key, opened: now, number: 1, now })
    }

    fn request(
        &self,
        adapter: &Described,
        group: &Group,
        known: &Known,
        key: &str,
    ) -> Result<Request, String> {
        let checks = adapter.description.check.iter();
        for check in checks {
            let scope = Scope::of_login(adapter, known);
            build::request(adapter, &check.call, Verb::Get, &scope)
                .map_err(|why| format!("check.call: {why}"))?;
        }
        self.with(group, key, |piece| {
            let post = adapter.compose(piece, known).map_err(|why| format!("text: {why}"))?;
            adapter.request(&post, piece, known).map_err(|why| format!("publish.call: {why}"))
        })
    }

    fn change(
        &self,
        adapter: &Described,
        group: &Group,
        known: &Known,
        (change, id): (Change, &str),
    ) -> Result<Request, String> {
        let word = change.word();
        self.with(group, "a", |piece| {
            let post = adapter.compose(piece, known).map_err(|why| format!("text: {why}"))?;
            let post = Some(&post).filter(|_| change == Change::Update);
            let url = Some(format!("https://there.example/{id}"));
            let reference = Reference { id: Some(id.to_owned()), url, ..Reference::default() };
            let deed = Deed { piece: *piece, change, reference: &reference, post };
            match adapter.amend(&deed, known, &[]) {
                Amending::Ready(request) => Ok(request),
                Amending::Cannot(why) => Err(format!("{word}.call: {why}")),
                _ => Err(format!("{word}.call: it is no call")),
            }
        })
    }

    fn question(&self, adapter: &Described, group: &Group, known: &Known) -> Result<(), String> {
        let Some(find) = &adapter.description.find else { return Ok(()) };
        let request = self.request(adapter, group, known, "a")?;
        self.with(group, "a", |piece| {
            let doubt =
                Doubt { piece: *piece, request: &request, first_sent: piece.now, alone: true };
            let scope = Scope::of_doubt(adapter, &doubt, known, "");
            build::request(adapter, &find.call, Verb::Get, &scope)
                .map_err(|why| format!("find.call: {why}"))?;
            let mut key = find.key.iter().map(|key| scope.render(&key.is, values::Place::Text));
            key.try_for_each(|key| key.map(drop).map_err(|why| format!("find.key.is: {why}")))
        })
    }
}
