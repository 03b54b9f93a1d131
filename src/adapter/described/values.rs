//! What the templates of a description can say, and how it is written in each place: encoded in an address,
//! a string in JSON, and a secret only ever as a mark.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::Described;
use crate::adapter::{Deed, Doubt, Known, Piece, Post, Unfit, answer, mark};
use crate::config::Group;
use crate::model::{Entry, IdempotencyKey, Request, Time};
use crate::post::template::Fields;
use crate::post::text::{excerpt, truncate};

/// Steps that one rendering may take.
const FUEL: u64 = 100_000;
/// A list is asked for from this long before the first send, since clocks differ.
const SINCE_MARGIN: std::time::Duration = std::time::Duration::from_secs(15 * 60);

/// Where a template stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a path, a query or a form.
    Path,
    /// In a string of JSON.
    Json,
    /// In plain text or an open header: secrets have no place there.
    Text,
    /// In a header that is never kept: secrets stand in it as they are.
    Secret,
}

/// What the templates of one call can say.
pub(super) struct Scope<'a> {
    adapter: &'a Described,
    values: BTreeMap<String, Value>,
    /// The same texts without markup.
    plain: BTreeMap<String, Value>,
}

impl<'a> Scope<'a> {
    /// What is known of a login alone.
    pub(super) fn of_login(adapter: &'a Described, known: &Known) -> Self {
        Self::of(adapter, None, known)
    }

    fn of(adapter: &'a Described, group: Option<&Group>, known: &Known) -> Self {
        let mut set: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, setting) in &adapter.description.settings {
            set.extend(setting.default.as_deref().map(|default| (name.as_str(), default)));
        }
        let ours = adapter.set.iter().chain(group.iter().flat_map(|group| &group.set));
        set.extend(ours.map(|(name, value)| (name.as_str(), value.as_str())));
        let mut values = BTreeMap::from([
            ("base".to_owned(), Value::from(adapter.url.as_str().trim_end_matches('/'))),
            (
                "set".to_owned(),
                Value::from_pairs(set.iter().map(|(n, v)| (n.to_string(), Value::from(*v)))),
            ),
            ("known".to_owned(), Value::from_pairs(learnt(known))),
        ]);
        values.extend(
            adapter.user.iter().map(|user| ("user".to_owned(), Value::from(user.as_str()))),
        );
        let room = group.and_then(|group| group.room.as_deref());
        values.extend(room.map(|room| ("room".to_owned(), Value::from(room))));
        Self { adapter, values, plain: BTreeMap::new() }
    }

    /// All that a post can say.
    pub(super) fn of_post(
        adapter: &'a Described,
        post: &Post,
        piece: &Piece<'_>,
        known: &Known,
    ) -> Self {
        let mut scope = Self::of(adapter, Some(piece.group), known);
        scope.say_entry(piece.entry, piece.key, piece.opened);
        scope.say("text", adapter.marked_up(&post.text));
        scope.plain.insert("text".to_owned(), Value::from(post.text.as_str()));
        scope.say("language", post.language.clone().unwrap_or_default());
        let picture = post.picture.as_ref();
        scope.say("picture", picture.map(|picture| picture.url.clone()).unwrap_or_default());
        let alt = picture.and_then(|picture| picture.alt.clone());
        scope.say("picture_alt", alt.unwrap_or_default());
        scope
    }

    /// What a question about a delivery in doubt can say.
    pub(super) fn of_doubt(
        adapter: &'a Described,
        doubt: &Doubt<'_>,
        known: &Known,
        before: &str,
    ) -> Self {
        let piece = &doubt.piece;
        let mut scope = Self::of(adapter, Some(piece.group), known);
        scope.say_entry(piece.entry, piece.key, piece.opened);
        let since = doubt.first_sent.minus(SINCE_MARGIN);
        scope.say("since", (since.as_millis() / 1000).to_string());
        scope.say("since_ms", since.as_millis().to_string());
        scope.say("since_iso", since.to_string());
        scope.say("before", before.to_owned());
        scope
    }

    /// What a change of a post can say: all that a post can, and what the platform calls it.
    pub(super) fn of_deed(adapter: &'a Described, deed: &Deed<'_>, known: &Known) -> Self {
        let mut scope = match deed.post {
            Some(post) => Self::of_post(adapter, post, &deed.piece, known),
            None => {
                let mut scope = Self::of(adapter, Some(deed.piece.group), known);
                scope.say_entry(deed.piece.entry, deed.piece.key, deed.piece.opened);
                scope
            }
        };
        scope.say("id", deed.reference.id.clone().unwrap_or_default());
        scope.say("url", deed.reference.url.clone().unwrap_or_default());
        scope
    }

    /// What a page of posts can say.
    pub(super) fn of_posts(
        adapter: &'a Described,
        group: &Group,
        known: &Known,
        next: &super::posts::Next,
    ) -> Self {
        let mut scope = Self::of(adapter, Some(group), known);
        scope.values.insert("page".to_owned(), Value::from(next.page));
        scope.say("cursor", next.cursor.clone());
        scope.say("before", next.before.clone());
        scope
    }

    fn say(&mut self, name: &str, value: String) {
        self.values.insert(name.to_owned(), Value::from(value));
    }

    fn say_entry(&mut self, entry: &Entry, key: &IdempotencyKey, opened: Time) {
        let fields = Fields::of(entry, self.adapter.mentions());
        for (name, plain) in
            [("title", &fields.title), ("summary", &fields.summary), ("author", &fields.author)]
        {
            self.plain.insert(name.to_owned(), Value::from(plain.as_str()));
        }
        self.say("title", self.adapter.marked_up(&fields.title));
        self.say("summary", self.adapter.marked_up(&fields.summary));
        self.say("author", self.adapter.marked_up(&fields.author));
        self.say("link", fields.link);
        self.say("hashtags", self.adapter.marked_up(&fields.hashtags));
        self.say("date", fields.date);
        self.values.insert("categories".to_owned(), Value::from(fields.categories));
        self.say("key", key.as_str().to_owned());
        self.say("uuid", uuid(key.as_str()));
        self.say("opened", opened.to_string());
        // Where no post is composed, as for a question.
        self.say("text", String::new());
        self.say("language", String::new());
        self.say("picture", String::new());
        self.say("picture_alt", String::new());
    }

    /// A template as text for this place.
    pub(super) fn render(&self, template: &str, place: Place) -> Result<String, Unfit> {
        let environment = environment(place);
        let template = environment.template_from_str(template).map_err(|e| unfit(&e))?;
        template.render(self.context(place)).map_err(|e| unfit(&e))
    }

    /// A header's value: one line.
    pub(super) fn header(&self, template: &str, place: Place) -> Result<String, Unfit> {
        let value = self.render(template, place)?;
        Ok(value
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect::<String>()
            .trim()
            .to_owned())
    }

    /// A template as a value of JSON; nothing where it is a single expression that comes to none.
    pub(super) fn json(&self, template: &str) -> Result<Option<serde_json::Value>, Unfit> {
        let Some(expression) = single(template) else {
            return self.render(template, Place::Json).map(|text| Some(text.into()));
        };
        let environment = environment(Place::Json);
        let expression = environment.compile_expression(expression).map_err(|e| unfit(&e))?;
        let value = expression.eval(self.context(Place::Json)).map_err(|e| unfit(&e))?;
        if value.is_undefined() {
            return Err(Unfit(format!("{template} stands for nothing")));
        }
        let value = serde_json::to_value(Serde(&value).0).map_err(|e| Unfit(e.to_string()))?;
        Ok(Some(value).filter(|value| !value.is_null()))
    }

    fn context(&self, place: Place) -> Value {
        let mut values = self.values.clone();
        if !self.plain.is_empty() {
            values.insert("plain".to_owned(), Value::from_pairs(self.plain.clone()));
        }
        for name in self.adapter.description.secrets.keys() {
            let value = match (place, self.adapter.secrets.get(name)) {
                (Place::Secret, Some(secret)) => secret.value.expose_secret().to_owned(),
                (Place::Secret, None) => String::new(),
                (Place::Path, _) => mark(&format!("path {name}")),
                (Place::Json, _) => mark(&format!("json {name}")),
                // A secret that is written here would be kept.
                (Place::Text, _) => continue,
            };
            values.insert(name.clone(), Value::from(value));
        }
        Value::from_pairs(values)
    }
}

/// What stands in the place of each mark.
pub(super) fn fills(adapter: &Described) -> Result<Vec<(String, SecretString)>, Unfit> {
    let mut fills = Vec::new();
    for (name, secret) in &adapter.secrets {
        let value = secret.value.expose_secret();
        let mut fill = |place: &str, value: String| {
            fills.push((format!("{place} {name}"), SecretString::from(value)));
        };
        if adapter.description.address.as_ref() == Some(name) {
            let (path, query) = below(&adapter.url, value).ok_or_else(|| {
                Unfit(format!("{} holds no address at {}", secret.source, host(&adapter.url)))
            })?;
            fill("path", path);
            // Where nothing of ours follows, and where it does.
            fill("end", query.as_ref().map(|query| format!("?{query}")).unwrap_or_default());
            fill("query", query.map_or_else(|| "?".to_owned(), |query| format!("?{query}&")));
        } else {
            // A colon may stand in a path, and is part of tokens.
            fill("path", answer::segment(value).replace("%3A", ":"));
        }
        let quoted = serde_json::Value::from(value).to_string();
        fill("json", quoted[1..quoted.len() - 1].to_owned());
    }
    Ok(fills)
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

/// Path and query of an address, if it is one at `base`.
fn below(base: &Url, address: &str) -> Option<(String, Option<String>)> {
    let address = address.trim();
    let (path, query) = match Url::parse(address) {
        Ok(url) => {
            let same = url.origin() == base.origin() && url.fragment().is_none();
            let path = url.path().strip_prefix(base.path().trim_end_matches('/'))?.to_owned();
            same.then(|| (path, url.query().map(str::to_owned)))?
        }
        Err(_) => {
            let url = base.join(address).ok().filter(|_| address.starts_with('/'))?;
            (url.path().to_owned(), url.query().map(str::to_owned))
        }
    };
    (path.len() > 1 && path.starts_with('/')).then_some((path, query))
}

/// What is kept of checks, by the name that templates know it by.
fn learnt(known: &Known) -> impl Iterator<Item = (String, Value)> {
    known.facts.iter().filter_map(|(fact, value)| {
        let (_, name) = fact.strip_prefix(CHECKED)?.rsplit_once(' ')?;
        Some((name.to_owned(), Value::from(value.as_str())))
    })
}

const CHECKED: &str = "checked ";

/// The fact that says that a check went well.
pub(super) fn checked(request: &Request) -> String {
    let path: String =
        request.path.chars().filter(|c| !c.is_whitespace() && c.is_ascii()).collect();
    format!("{CHECKED}{path}")
}

/// The variables that a template uses.
pub(super) fn variables(template: &str) -> Result<BTreeSet<String>, Unfit> {
    let environment = environment(Place::Text);
    let template = environment.template_from_str(template).map_err(|e| unfit(&e))?;
    Ok(template.undeclared_variables(false).into_iter().collect())
}

/// The expression of a template that is nothing else.
pub(super) fn single(template: &str) -> Option<&str> {
    let inner = template.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("}}") && !inner.contains("{%")).then(|| inner.trim())
}

/// The first half of a key as a UUID, for those who take nothing else.
fn uuid(key: &str) -> String {
    let hex = key.get(..32).unwrap_or_default();
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts.into_iter().filter_map(|part| hex.get(part)).collect::<Vec<_>>().join("-")
}

/// A text as a part of an address, with its marks kept.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for part in text.split_inclusive('\u{fdd1}') {
        let (plain, kept) = part.split_at(part.find('\u{fdd0}').unwrap_or(part.len()));
        out.push_str(&answer::segment(plain));
        out.push_str(kept);
    }
    out
}

fn unfit(error: &minijinja::Error) -> Unfit {
    Unfit(match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    })
}

fn environment(place: Place) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.remove_global("debug");
    if place == Place::Path {
        environment.set_formatter(|out, _, value| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            out.write_str(&encode(&text)).map_err(minijinja::Error::from)
        });
    }
    environment.add_filter("truncate_graphemes", |value: &str, max: usize| truncate(value, max));
    environment.add_filter("excerpt", |value: &str, max: usize| excerpt(value, max));
    environment.add_filter("base64", |value: &str| BASE64.encode(value.as_bytes()));
    environment.add_filter("json", |value: &str| serde_json::Value::from(value).to_string());
    environment.add_filter("html", crate::post::markup::inline);
    environment
}
