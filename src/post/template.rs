//! What a post says: the operator's template over the fields of an entry. Text of a feed is only ever
//! a value in it, never a template, and calls nobody where the platform would notify.

use std::collections::BTreeSet;
use std::io;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;

use super::text::{self, from_html};
use super::{link, markdown, picture, tag};
use crate::model::Entry;

/// What a post says where the config names no template.
pub const DEFAULT_TEMPLATE: &str = "{{ title }}\n\n{{ link }}";

/// Steps that one rendering may take; the longest sensible template takes a few hundred.
const FUEL: u64 = 100_000;
/// The most bytes one rendering may write.
const OUTPUT_MAX: usize = 256 * 1024;
/// The most bytes of an entry's text that a template sees.
const TEXT_MAX: usize = 64 * 1024;
/// The length of `summary`, in graphemes.
const SUMMARY_MAX: usize = 300;
/// How much of its text stands for the title of an entry that has none, in graphemes.
const UNTITLED_MAX: usize = 200;
/// The longest title, in graphemes.
const TITLE_MAX: usize = 500;
/// The longest author or category, in graphemes.
const NAME_MAX: usize = 100;
/// The most categories taken.
const CATEGORIES_MAX: usize = 20;
/// The most hashtags made; more reads as spam.
const HASHTAGS_MAX: usize = 8;

/// What to do with names behind an `@` in the text of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mentions {
    /// They do nothing on this platform.
    Keep,
    /// The platform would notify people.
    Break,
    /// The same, and it reads markdown, of which a feed has none to write.
    BreakMarkdown,
}

impl Mentions {
    /// A text of a feed, in which nothing calls anybody there.
    #[must_use]
    pub fn safe(self, text: String) -> String {
        match self {
            Self::Keep => text,
            Self::Break => link::break_mentions(&text),
            Self::BreakMarkdown => markdown::escape(&link::break_mentions(&text)),
        }
    }
}

/// The variables of a template. Each is always there and empty where the entry lacks it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Fields {
    /// The title, or the start of the text where there is none.
    pub title: String,
    /// The link, written so that every platform recognises it whole.
    pub link: String,
    /// The start of the summary, or else of the text, as one line.
    pub summary: String,
    /// The whole text.
    pub text: String,
    /// The author's name.
    pub author: String,
    /// Categories as the feed names them.
    pub categories: Vec<String>,
    /// Categories as hashtags, apart by a space.
    pub hashtags: String,
    /// The day it was published, such as `2026-01-02`, in UTC.
    pub date: String,
    /// The link of its sound, where it is an episode of a podcast.
    pub audio: String,
}

impl Fields {
    /// The fields of an entry.
    #[must_use]
    pub fn of(entry: &Entry, mentions: Mentions) -> Self {
        let safe = |text: String| mentions.safe(text);
        let short = |words: &str, max| text::truncate(&text::line(words), max);
        let name = |words: &str| short(words, NAME_MAX);
        let link = entry.link.as_deref().and_then(link::tidy).unwrap_or_default();

        let summary = text::paragraphs(&from_html(&entry.summary));
        let mut full = text::paragraphs(&from_html(&entry.content));
        if full.is_empty() {
            full.clone_from(&summary);
        }
        full.truncate(text::floor(&full, TEXT_MAX));
        let summary = if summary.is_empty() { &full } else { &summary };
        let summary = text::excerpt(summary, SUMMARY_MAX);

        let mut title = short(&entry.title, TITLE_MAX);
        if title.is_empty() {
            let whole = link.is_empty();
            title = if whole { full.clone() } else { text::excerpt(&full, UNTITLED_MAX) };
        }
        let categories: Vec<String> = entry.categories.iter().map(|c| name(c)).collect();
        let categories = categories.into_iter().filter(|c| !c.is_empty()).take(CATEGORIES_MAX);
        let published = entry.published.or(entry.updated);
        Self {
            title: safe(title),
            link: safe(link),
            summary: safe(summary),
            text: safe(full),
            author: safe(entry.author.as_deref().map(name).unwrap_or_default()),
            categories: categories.map(safe).collect(),
            hashtags: hashtags(&entry.categories),
            date: published.map(|at| at.to_string()[..10].to_owned()).unwrap_or_default(),
            audio: safe(picture::audio(entry).and_then(link::tidy).unwrap_or_default()),
        }
    }

    const NAMES: [&'static str; 9] =
        ["title", "link", "summary", "text", "author", "categories", "hashtags", "date", "audio"];
}

fn hashtags(categories: &[String]) -> String {
    let mut seen = BTreeSet::new();
    let tags: Vec<String> = categories
        .iter()
        .filter_map(|category| tag::hashtag(category))
        .filter(|tag| seen.insert(tag.to_lowercase()))
        .take(HASHTAGS_MAX)
        .collect();
    tags.join(" ")
}

/// A template that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template line {line}: {what}")]
pub struct TemplateError {
    /// The line within the template, from 1.
    pub line: usize,
    /// What is wrong with it, in words.
    pub what: String,
}

impl TemplateError {
    fn from_engine(error: &minijinja::Error) -> Self {
        let kind = error.kind().to_string();
        let what = match error.detail() {
            Some(detail) => format!("{kind}: {detail}"),
            None => kind,
        };
        Self { line: error.line().unwrap_or(1), what }
    }
}

/// Whether a template can be rendered for any entry, full or sparse.
///
/// # Errors
/// [`TemplateError`] with the line, and the name of an unknown variable.
pub fn check_template(source: &str) -> Result<(), TemplateError> {
    let environment = environment();
    let template =
        environment.template_from_str(source).map_err(|e| TemplateError::from_engine(&e))?;
    let globals: BTreeSet<&str> = environment.globals().map(|(name, _)| name).collect();
    let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
    let unknown =
        used.iter().find(|name| !Fields::NAMES.contains(&&***name) && !globals.contains(&***name));
    if let Some(name) = unknown {
        return Err(TemplateError { line: line_of(source, name), what: unknown_words(name) });
    }
    let full = Fields {
        title: "Title".to_owned(),
        link: "https://blog.example/post".to_owned(),
        summary: "Summary.".to_owned(),
        text: "Text.".to_owned(),
        author: "Author".to_owned(),
        categories: vec!["one".to_owned(), "two".to_owned()],
        hashtags: "#one #two".to_owned(),
        date: "2026-01-02".to_owned(),
        audio: "https://blog.example/post.mp3".to_owned(),
    };
    render(source, &full)?;
    render(source, &Fields::default()).map(drop).map_err(|mut error| {
        error.what.push_str("; an entry may have no title, author, categories or date");
        error
    })
}

fn unknown_words(name: &str) -> String {
    let nearest = Fields::NAMES
        .into_iter()
        .max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)))
        .filter(|near| strsim::jaro_winkler(name, near) > 0.7);
    match nearest {
        Some(near) => format!("there is no variable `{name}`; did you mean `{near}`?"),
        None => {
            format!("there is no variable `{name}`; there are {}", Fields::NAMES.join(", "))
        }
    }
}

/// The line on which a name stands inside an expression or a block.
fn line_of(source: &str, name: &str) -> usize {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let mut inside = false;
    for (at, _) in source.char_indices() {
        let rest = &source[at..];
        if rest.starts_with("{{") || rest.starts_with("{%") {
            inside = true;
        } else if rest.starts_with("}}") || rest.starts_with("%}") {
            inside = false;
        } else if inside
            && rest.starts_with(name)
            && !source[..at].ends_with(is_part)
            && !rest[name.len()..].starts_with(|n: char| is_part(n) && n != '.')
        {
            return 1 + source[..at].matches('\n').count();
        }
    }
    1
}

/// The finished text of a template over the fields of an entry: trimmed, with no gap of more than
/// one empty line where a field was empty.
///
/// # Errors
/// [`TemplateError`] for whatever [`check_template`] would have found, and for output beyond any
/// platform's limit.
pub fn render(source: &str, fields: &Fields) -> Result<String, TemplateError> {
    let environment = environment();
    let template =
        environment.template_from_str(source).map_err(|e| TemplateError::from_engine(&e))?;
    let mut out = Capped(Vec::new());
    template
        .render_captured_to(Value::from(Serde(fields)), &mut out)
        .map_err(|e| TemplateError::from_engine(&e))?;
    Ok(text::close_gaps(&String::from_utf8_lossy(&out.0)))
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    // It would post the template's own insides.
    environment.remove_global("debug");
    environment
        .add_filter("truncate_graphemes", |value: &str, max: usize| text::truncate(value, max));
    environment.add_filter("excerpt", |value: &str, max: usize| text::excerpt(value, max));
    environment.add_filter("hashtag", |value: &str| tag::hashtag(value).unwrap_or_default());
    environment
}

/// A writer that fails before it grows without bounds.
struct Capped(Vec<u8>);

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > OUTPUT_MAX {
            return Err(io::Error::other("it writes more than any platform takes"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            title: "A title".to_owned(),
            link: Some("https://blog.example/a b".to_owned()),
            summary: "<p>First. <b>Second</b> by @someone.</p>".to_owned(),
            content: "<p>Full text.</p>".to_owned(),
            categories: vec!["open source".to_owned(), "Open Source".to_owned(), "7".to_owned()],
            published: Some(crate::model::Time::from_millis(1_767_323_045_000)),
            ..Entry::default()
        }
    }

    fn rendered(template: &str, entry: &Entry) -> String {
        render(template, &Fields::of(entry, Mentions::Break)).unwrap()
    }

    #[test]
    fn the_default_says_title_and_link() {
        assert_eq!(rendered(DEFAULT_TEMPLATE, &entry()), "A title\n\nhttps://blog.example/a%20b");
    }

    #[test]
    fn an_entry_without_title_or_link_still_says_something() {
        let untitled = Entry { title: " \u{200b}".to_owned(), ..entry() };
        assert_eq!(
            rendered(DEFAULT_TEMPLATE, &untitled),
            "Full text.\n\nhttps://blog.example/a%20b"
        );
        let alone = Entry { link: None, ..untitled };
        assert_eq!(rendered(DEFAULT_TEMPLATE, &alone), "Full text.");
        assert_eq!(rendered(DEFAULT_TEMPLATE, &Entry::default()), "");
    }

    #[test]
    fn every_field_can_be_used() {
        let all = "{{ summary }}|{{ text }}|{{ author }}|{{ categories | join('+') }}|\
            {{ hashtags }}|{{ date }}|{{ title | truncate_graphemes(4) }}|{{ 'a b' | hashtag }}";
        assert_eq!(
            rendered(all, &entry()),
            "First. Second by @\u{200b}someone.|Full text.||open source+Open Source+7|\
             #OpenSource|2026-01-02|A\u{2026}|#AB"
        );
        check_template(all).unwrap();
    }

    #[test]
    fn a_feed_cannot_bring_its_own_template() {
        let hostile = Entry { title: "{{ link }}{% for %}".to_owned(), ..entry() };
        assert_eq!(rendered("{{ title }}", &hostile), "{{ link }}{% for %}");
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let error = check_template("{{ title }}\n{{ titel }}").unwrap_err();
        assert_eq!(error.line, 2);
        assert_eq!(error.what, "there is no variable `titel`; did you mean `title`?");
        let error = check_template("titel\n{% if xyz.titel %}{% endif %}").unwrap_err();
        assert!(error.line == 2 && error.what.contains("`xyz`"), "{error}");
        assert_eq!(check_template("a\nb {{ title").unwrap_err().line, 2);
        let error = check_template("\n{{ title | shout }}").unwrap_err();
        assert!(error.line == 2 && error.what.contains("shout"), "{error}");
        let error = check_template("{{ categories[0] | upper }}").unwrap_err();
        assert!(error.what.contains("an entry may have no"), "{error}");
        assert!(check_template("{{ title.name }}").is_err());
        check_template("{% for c in categories %}{{ loop.index }}{{ c }}{% endfor %}").unwrap();
        check_template("{% set t = title %}{{ t }}").unwrap();
    }

    #[test]
    fn a_template_cannot_keep_the_daemon_busy() {
        let endless =
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        assert!(check_template(endless).unwrap_err().what.contains("fuel"));
        let huge = "{% for a in range(9999) %}{{ text }}{% endfor %}";
        let fields = Fields { text: "x".repeat(1000), ..Fields::default() };
        assert!(render(huge, &fields).unwrap_err().what.contains("write"));
    }
}
