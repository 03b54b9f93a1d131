//! What a group's post says, in the operator's own words: minijinja, with names that do not exist as
//! errors and with bounded work.

use std::collections::BTreeSet;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use crate::model::Entry;

use super::text::{excerpt, is_shown, plain};

/// What a post says where the group has no template.
pub const DEFAULT_TEMPLATE: &str = "{{ title }}\n\n{{ link }}";

/// How much work a template may be; a loop over a million things ends here.
const FUEL: u64 = 50_000;
/// How much of an entry's text stands for a missing title, in graphemes.
const TITLE_EXCERPT: usize = 120;
/// How much of an entry's text is its summary where it has none of its own, in graphemes.
const SUMMARY_EXCERPT: usize = 280;
/// The one name under which the template is known.
const NAME: &str = "template";

/// The names a template may use.
const NAMES: [&str; 9] =
    ["title", "link", "summary", "text", "author", "categories", "hashtags", "language", "date"];

/// Why a template cannot be used, in words with its line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(String);

/// A template, ready to be used.
#[derive(Debug)]
pub struct Template {
    environment: Environment<'static>,
}

/// What a template can say of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Words {
    /// The title, or the beginning of the text where there is none.
    pub title: String,
    /// The link, or nothing.
    pub link: String,
    /// A short description as text.
    pub summary: String,
    /// The whole text.
    pub text: String,
    /// The author, or nothing.
    pub author: String,
    /// Categories as the feed has them.
    pub categories: Vec<String>,
    /// The same as hashtags, in one line.
    pub hashtags: String,
    /// Language tag, or nothing.
    pub language: String,
    /// The day of publication, such as `2026-01-02`, or nothing.
    pub date: String,
}

/// What a template can say of an entry.
#[must_use]
pub fn words_of(entry: &Entry) -> Words {
    let text = plain(if entry.content.is_empty() { &entry.summary } else { &entry.content });
    let summary = if entry.summary.is_empty() {
        excerpt(&text, SUMMARY_EXCERPT)
    } else {
        plain(&entry.summary)
    };
    let title = if entry.title.is_empty() {
        excerpt(&text, TITLE_EXCERPT)
    } else {
        entry.title.chars().filter(|c| is_shown(*c)).collect()
    };
    let mut seen = BTreeSet::new();
    let hashtags: Vec<String> = entry
        .categories
        .iter()
        .filter_map(|category| hashtag(category))
        .filter(|tag| seen.insert(tag.to_lowercase()))
        .collect();
    let date = entry.published.map(|t| t.to_timestamp().strftime("%Y-%m-%d").to_string());
    Words {
        title,
        link: entry.link.clone().unwrap_or_default(),
        summary,
        text,
        author: entry.author.clone().unwrap_or_default(),
        categories: entry.categories.clone(),
        hashtags: hashtags.join(" "),
        language: entry.language.clone().unwrap_or_default(),
        date: date.unwrap_or_default(),
    }
}

/// A category as a hashtag: letters and digits alone, words run together with capitals.
fn hashtag(category: &str) -> Option<String> {
    let mut tag = String::from("#");
    for word in category.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
        let mut chars = word.chars();
        if let Some(first) = chars.next() {
            tag.extend(first.to_uppercase());
            tag.push_str(chars.as_str());
        }
    }
    // Platforms take a tag of digits alone for a number.
    tag.chars().any(char::is_alphabetic).then_some(tag)
}

impl Template {
    /// Takes a template.
    ///
    /// # Errors
    /// Where it is not minijinja, or names what does not exist.
    pub fn new(source: &str) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.add_filter("excerpt", |text: &str, max: usize| excerpt(text, max));
        environment.add_template_owned(NAME, source.to_owned()).map_err(|e| in_words(&e))?;
        let template = environment.get_template(NAME).map_err(|e| in_words(&e))?;
        // `range` and its like are names of minijinja's own.
        let own: BTreeSet<&str> = environment.globals().map(|(name, _)| name).collect();
        let unknown: BTreeSet<String> = template
            .undeclared_variables(false)
            .into_iter()
            .filter(|name| !NAMES.contains(&name.as_str()) && !own.contains(name.as_str()))
            .collect();
        if let Some(name) = unknown.first() {
            let near = NAMES
                .iter()
                .max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)))
                .filter(|near| strsim::jaro(near, name) > 0.7)
                .map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
            let names = NAMES.join(", ");
            return Err(TemplateError(format!(
                "it uses {name:?}, and there is no such name{near} (there are {names})"
            )));
        }
        let made = Self { environment };
        // What cannot be said of an entry with everything cannot be said of any.
        made.say(&words_of(&Entry { title: "A title".to_owned(), ..Entry::default() }))?;
        Ok(made)
    }

    /// What it says.
    ///
    /// # Errors
    /// Where it fails on these words.
    pub fn say(&self, words: &Words) -> Result<String, TemplateError> {
        let template = self.environment.get_template(NAME).map_err(|e| in_words(&e))?;
        let said = template.render(Serde(words));
        Ok(tidy(&said.map_err(|e| in_words(&e))?))
    }
}

/// Checks a template without using it.
///
/// # Errors
/// Where it cannot be used, in words.
pub fn check_template(source: &str) -> Result<(), TemplateError> {
    Template::new(source).map(drop)
}

fn in_words(error: &minijinja::Error) -> TemplateError {
    let line = error.line().map_or_else(String::new, |line| format!("line {line}: "));
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    TemplateError(format!("{line}{detail}"))
}

/// Without the gaps that an empty name leaves: no white space at the ends, at most one empty line.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.trim().lines() {
        let line = line.trim_end();
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(line);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            title: "On harbours".into(),
            link: Some("https://blog.example/harbours".into()),
            content: "<p>Boats <b>lie</b> there. They wait.</p>".into(),
            categories: vec![
                "open source".into(),
                "2026".into(),
                "C++".into(),
                "Open Source".into(),
            ],
            ..Entry::default()
        }
    }

    #[test]
    fn the_default_says_title_and_link() {
        let template = Template::new(DEFAULT_TEMPLATE).expect("is good");
        let said = template.say(&words_of(&entry())).expect("says it");
        assert_eq!(said, "On harbours\n\nhttps://blog.example/harbours");
        let bare = Entry { title: String::new(), link: None, ..entry() };
        let said = template.say(&words_of(&bare)).expect("says it");
        assert_eq!(said, "Boats lie there. They wait.");
    }

    #[test]
    fn categories_become_tags_that_platforms_take() {
        assert_eq!(words_of(&entry()).hashtags, "#OpenSource #C");
    }

    #[test]
    fn a_wrong_template_says_where_and_what() {
        let said = |source: &str| check_template(source).expect_err("is wrong").to_string();
        assert!(said("{{ titel }}").contains("did you mean \"title\""), "{}", said("{{ titel }}"));
        assert!(said("a\n{{ title").starts_with("line 2: "), "{}", said("a\n{{ title"));
        assert!(said("{{ title | nothing }}").contains("nothing"));
        let endless =
            "{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}";
        assert!(
            said(endless).contains("fuel") || said(endless).contains("limit"),
            "{}",
            said(endless)
        );
    }
}
