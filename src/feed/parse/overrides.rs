//! What an author asks for inside an item, in three ways of writing: our own element, the same in JSON
//! Feed, and the JSON that POSSE Party reads. What cannot be understood says so, and nothing is guessed.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::extras::language;
use crate::model::{Entry, Override};
use crate::post::text::{from_html, paragraphs};

/// More of them are not taken of one item, nor looked at.
pub(super) const MAX: usize = 32;
/// More names than these are not meant by one of them, nor longer ones, in characters.
const MAX_NAMES: usize = 32;
const MAX_NAME: usize = 64;
/// Longer words of the author's own are cut, in bytes: twice what the largest platform takes of them.
const MAX_TEXT: usize = 16 * 1024;

/// The element that is ours, and what it may say of itself.
pub(super) const ELEMENT: &str = "once:post";
/// The element of POSSE Party, which holds JSON.
/// <https://github.com/searlsco/posse_party/blob/main/docs/feed.md>
pub(super) const POSSE: &str = "posse:post";
/// The member of an item of JSON Feed.
pub(super) const MEMBER: &str = "_oncecast";

/// Adds what an element asks for: its attributes, and its text.
pub(super) fn of_element<'a>(
    attributes: impl Iterator<Item = (&'a str, &'a str)>,
    text: &str,
    out: &mut Vec<Override>,
) {
    let mut asked = Override::default();
    for (name, value) in attributes {
        take(&mut asked, name, value);
    }
    asked.text = words(text);
    keep(asked, ELEMENT, out);
}

/// Adds what a member of JSON Feed asks for: one object, or a list of them.
pub(super) fn of_member(json: &str, out: &mut Vec<Override>) {
    let all = match serde_json::from_str(json) {
        Ok(Value::Array(all)) => all,
        Ok(one) => vec![one],
        Err(error) => return broken(MEMBER, &error.to_string(), out),
    };
    for one in all {
        let Value::Object(members) = one else {
            broken(MEMBER, "it is neither an object nor a list of them", out);
            continue;
        };
        let mut asked = Override::default();
        for (name, value) in &members {
            match (name.as_str(), value) {
                ("text", Value::String(text)) => asked.text = words(text),
                ("to", Value::Array(names)) => {
                    let names = names.iter().filter_map(Value::as_str);
                    names.for_each(|name| take(&mut asked, "to", &name.replace(' ', ",")));
                }
                (name, Value::String(text)) => take(&mut asked, name, text),
                (name, value) => take(&mut asked, name, &value.to_string()),
            }
        }
        keep(asked, MEMBER, out);
    }
}

/// What an entry says, as plain text: made once, however often a format asks for it.
pub(super) struct Plain<'a> {
    entry: &'a Entry,
    summary: OnceCell<String>,
    content: OnceCell<String>,
}

impl<'a> Plain<'a> {
    pub(super) const fn of(entry: &'a Entry) -> Self {
        Self { entry, summary: OnceCell::new(), content: OnceCell::new() }
    }

    fn summary(&self) -> &str {
        self.summary.get_or_init(|| plain(&self.entry.summary))
    }

    fn content(&self) -> &str {
        self.content.get_or_init(|| plain(&self.entry.content))
    }
}

fn plain(html: &str) -> String {
    words(&paragraphs(&from_html(html))).unwrap_or_default()
}

/// Says that there are more than are taken.
pub(super) fn too_many(what: &str, out: &mut Vec<Override>) {
    out.truncate(MAX);
    let why = format!("the feed's {what} cannot be understood: there are more than {MAX}");
    out.push(Override { unreadable: Some(why), ..Override::default() });
}

/// Adds what the JSON of POSSE Party asks for: whether the entry goes out, and its words, for all or for
/// some platforms. What else it knows means nothing here.
pub(super) fn of_posse(json: &str, entry: &Plain<'_>, out: &mut Vec<Override>) {
    let all = match serde_json::from_str(json) {
        Ok(Value::Object(all)) => all,
        Ok(_) => return broken(POSSE, "it is no JSON object", out),
        Err(error) => return broken(POSSE, &format!("it is no JSON: {error}"), out),
    };
    let asked = |said: &Map<String, Value>| Override {
        skip: said.get("syndicate").and_then(Value::as_bool).map(|goes| !goes),
        text: formatted(said, &all, entry),
        ..Override::default()
    };
    keep(asked(&all), POSSE, out);
    let platforms = all.get("platform_overrides").and_then(Value::as_object);
    for (platform, said) in platforms.into_iter().flatten() {
        let Some(said) = said.as_object() else { continue };
        let to = if platform == "bsky" { "bluesky" } else { platform };
        let mut asked = asked(said);
        take(&mut asked, "to", to);
        keep(asked, POSSE, out);
        if out.len() > MAX {
            break;
        }
    }
}

/// The words that a format makes; the entry's own link stands in it or is added later.
fn formatted(
    said: &Map<String, Value>,
    all: &Map<String, Value>,
    plainly: &Plain<'_>,
) -> Option<String> {
    let entry = plainly.entry;
    let property = |name: &str| said.get(name).or_else(|| all.get(name)).and_then(Value::as_str);
    let says_title = || said.get("title").map(|_| "{{title}}");
    let format = said.get("format_string").and_then(Value::as_str).or_else(says_title)?;
    let value = |name: &str| match name {
        "title" => property(name).unwrap_or(&entry.title).to_owned(),
        "summary" => property(name).map_or_else(|| plainly.summary().to_owned(), plain),
        "content" => property(name).map_or_else(|| plainly.content().to_owned(), plain),
        "url" => entry.link.clone().unwrap_or_default(),
        "author_name" => property(name).or(entry.author.as_deref()).unwrap_or_default().to_owned(),
        _ => property(name).unwrap_or_default().to_owned(),
    };
    let mut out = String::new();
    let mut rest = format;
    let mut values = BTreeMap::new();
    // One pass: what a value says is no format.
    while let Some((before, (name, after))) =
        rest.split_once("{{").and_then(|(before, open)| Some((before, open.split_once("}}")?)))
    {
        out.push_str(before);
        out.push_str(values.entry(name.trim()).or_insert_with_key(|name| value(name)));
        rest = after;
        if out.len() > MAX_TEXT {
            break;
        }
    }
    out.push_str(rest);
    words(&out)
}

/// One thing that is asked for, under its name.
fn take(asked: &mut Override, name: &str, value: &str) {
    let value = value.trim();
    let wrong = |wanted: &str| Some(format!("{name} is {:?}, not {wanted}", cut(value, MAX_NAME)));
    match name {
        "to" => {
            let names =
                value.split([',', ' ', '\t', '\n']).map(str::trim).filter(|n| !n.is_empty());
            asked.to.extend(names.map(|name| cut(name, MAX_NAME)));
            if asked.to.is_empty() || asked.to.len() > MAX_NAMES {
                asked.unreadable = wrong("the name of a group or a kind of platform");
            }
            asked.to.truncate(MAX_NAMES);
        }
        "skip" => match value.to_ascii_lowercase().as_str() {
            "true" | "yes" => asked.skip = Some(true),
            "false" | "no" => asked.skip = Some(false),
            _ => asked.unreadable = wrong("true or false"),
        },
        "warning" => asked.warning = words(value),
        "language" => match language(value) {
            Some(tag) => asked.language = Some(tag),
            None => asked.unreadable = wrong("a language tag such as en or pt-BR"),
        },
        "visibility" => match value {
            "public" | "unlisted" | "private" => asked.visibility = Some(value.to_owned()),
            _ => asked.unreadable = wrong("public, unlisted or private"),
        },
        _ => {
            let names = "to, skip, warning, language, visibility";
            asked.unreadable = Some(format!("there is no {:?}; there are {names}", cut(name, 20)));
        }
    }
}

fn words(text: &str) -> Option<String> {
    let mut end = MAX_TEXT.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text[..end].trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

fn broken(what: &str, why: &str, out: &mut Vec<Override>) {
    keep(Override { unreadable: Some(why.to_owned()), ..Override::default() }, what, out);
}

/// Keeps what says anything; beyond the most that are taken, it says that it is too many.
fn keep(mut asked: Override, what: &str, out: &mut Vec<Override>) {
    if let Some(why) = &mut asked.unreadable {
        *why = format!("the feed's {what} cannot be understood: {why}");
    }
    if out.len() == MAX {
        too_many(what, out);
    }
    let nothing = Override { to: asked.to.clone(), ..Override::default() };
    if out.len() < MAX && asked != nothing {
        out.push(asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::parse::{Hints, parse};

    fn overrides(feed: &str) -> Vec<Override> {
        let document = parse(feed.as_bytes(), &Hints::default()).expect("a feed");
        let told = document.problems.iter().filter(|p| p.what.contains("understood")).count();
        let overrides = document.entries[0].overrides.clone();
        assert_eq!(told, overrides.iter().filter(|one| one.unreadable.is_some()).count(), "{feed}");
        overrides
    }

    fn rss(items: &str) -> Vec<Override> {
        overrides(&format!(
            "<rss xmlns:o=\"urn:oncecast:post\"><channel><item><title>T</title>{items}\
             <link>https://b.example/1</link></item></channel></rss>"
        ))
    }

    fn said(one: &Override) -> (String, Option<bool>, &str) {
        (one.to.join("+"), one.skip, one.text.as_deref().unwrap_or_default())
    }

    /// An author who writes a wish and sees it ignored, or taken for another, has said it for nothing.
    #[test]
    fn every_way_of_writing_says_the_same() {
        let ours = "<o:post to=\"fedi, bluesky\" warning=\"food\" language=\"de\" visibility=\"unlisted\">\
             Line one\n\nTea &amp; <b>milk</b></o:post><o:post to=\"linkedin\" skip=\"true\"/>";
        let atom = format!(
            "<feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:o=\"urn:oncecast:post\"><entry>\
             <id>urn:1</id><title>T</title>{ours}</entry></feed>"
        );
        let undeclared = ours.replace("o:post", "once:post");
        let json = "{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"b\",\"items\":[{\"id\":\"1\",\
             \"_oncecast\":[{\"to\":[\"fedi\",\"bluesky\"],\"warning\":\"food\",\"language\":\"de\",\
             \"visibility\":\"unlisted\",\"text\":\"Line one\\n\\nTea & milk\"},\
             {\"to\":\"linkedin\",\"skip\":true}]}]}";
        let all = rss(ours);
        assert_eq!(said(&all[0]), ("fedi+bluesky".to_owned(), None, "Line one\n\nTea & milk"));
        assert_eq!(said(&all[1]), ("linkedin".to_owned(), Some(true), ""));
        let rest = (all[0].warning.as_deref(), all[0].language.as_deref());
        assert_eq!(rest, (Some("food"), Some("de")));
        assert_eq!(all[0].visibility.as_deref(), Some("unlisted"));
        for other in [overrides(&atom), rss(&undeclared), overrides(json)] {
            assert_eq!(other, all);
        }
    }

    /// A page that shows what does not work sends its readers' posts where they should not go.
    #[test]
    fn the_page_tells_what_is_read() {
        let page = include_str!("../overrides.md");
        let sample = |kind: &str| {
            let from = page.split_once(kind).expect("a sample").1;
            from.split_once("\n```").expect("its end").0.trim().to_owned()
        };
        let [xml, json] = ["```xml", "```json"].map(|kind| overrides(&sample(kind)));
        assert_eq!(xml.len(), 4);
        assert_eq!(xml, json);
        let names =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let entry = Entry { overrides: xml, ..Entry::default() };
        let followers = entry.asked(&names(&["followers", "mastodon"]));
        assert_eq!(followers.text.as_deref(), Some("For those who know me: it rose."));
        assert_eq!((followers.warning.as_deref(), followers.skip), (Some("food"), None));
        assert_eq!(
            entry.asked(&names(&["page", "linkedin-organisation", "linkedin"])).skip,
            Some(true)
        );
    }

    /// What POSSE Party's users have in their feeds already must not go out where they said no.
    #[test]
    fn the_json_of_posse_party_is_read() {
        let posse = |json: &str| {
            rss(&format!("<posse:post format=\"json\"><![CDATA[{json}]]></posse:post>"))
        };
        let all = posse(
            "{\"format_string\":\"New: {{ title }} {{url}} {{nothing}}\",\"append_url\":true,\
             \"platform_overrides\":{\"bsky\":{\"format_string\":\"{{title}}\",\"title\":\"{{url}}!\"},\
             \"linkedin\":{\"syndicate\":false},\"x\":{\"append_url\":true}}}",
        );
        let all: Vec<_> = all.iter().map(said).collect();
        assert_eq!(all[0], (String::new(), None, "New: T https://b.example/1"));
        assert_eq!(all[1], ("bluesky".to_owned(), None, "{{url}}!"));
        assert_eq!(all[2], ("linkedin".to_owned(), Some(true), ""));
        assert_eq!(all.len(), 3, "a platform that is asked for nothing");
        let never = posse("{\"syndicate\": false}");
        assert_eq!(never.iter().map(said).collect::<Vec<_>>(), [(String::new(), Some(true), "")]);
    }

    #[test]
    fn what_cannot_be_understood_says_so() {
        for bad in [
            "<o:post skip=\"maybe\"/>",
            "<o:post skp=\"true\"/>",
            "<o:post to=\"\">x</o:post>",
            "<o:post visibility=\"direct\">x</o:post>",
            "<o:post language=\"klingon language\">x</o:post>",
            "<posse:post>{'syndicate': false}</posse:post>",
            "<posse:post>[]</posse:post>",
        ] {
            let all = rss(bad);
            assert!(all.len() == 1 && all[0].unreadable.is_some(), "{bad}: {all:?}");
        }
        assert!(rss("<o:post/><o:post to=\"fedi\"></o:post>").is_empty());
        let many = rss(&"<o:post skip=\"true\"/>".repeat(200));
        assert_eq!(many.len(), MAX + 1);
        assert!(many[MAX].unreadable.is_some());
        // Also where those that are taken say nothing: the next may say not to send it.
        let late = rss(&format!("{}<o:post skip=\"true\"/>", "<o:post/>".repeat(MAX)));
        assert!(late.len() == 1 && late[0].unreadable.is_some(), "{late:?}");
        let all: String = (0..200).map(|i| format!("\"p{i}\":{{\"syndicate\":false}},")).collect();
        let json = format!("{{\"platform_overrides\":{{{all}\"q\":{{}}}}}}");
        let many = rss(&format!("<posse:post>{json}</posse:post>"));
        assert!(many.len() == MAX + 1 && many[MAX].unreadable.is_some());
        for bad in ["7", "[[]]", "{\"skip\":1}", "{\"to\":[]}"] {
            let feed = format!(
                "{{\"version\":\"https://jsonfeed.org/version/1.1\",\"items\":[{{\"id\":\"1\",\"_oncecast\":{bad}}}]}}"
            );
            let all = overrides(&feed);
            assert_eq!(
                all.iter().filter(|one| one.unreadable.is_some()).count(),
                usize::from(bad != "{\"to\":[]}"),
                "{bad}: {all:?}"
            );
        }
    }
}
