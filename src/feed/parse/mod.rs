//! Bytes to entries, whatever state the feed is in: nothing here panics, runs long or loses a whole
//! feed to one bad item, and an item that is not all there is not taken.
//!
//! The way: `encoding` makes text of bytes; `repair` makes of any XML a small, sound document
//! (`root`, `tokens`, `names`, `capture`); the typed parsers read that (`rss`, `atom`);
//! JSON Feed goes straight to `json`; `clean` and `dates` make single values fit for people;
//! `order` puts the entries oldest first and leaves out repeats.

mod atom;
mod capture;
mod clean;
pub(super) mod dates;
mod encoding;
mod extras;
mod facts;
mod html;
mod items;
mod json;
mod loose;
mod names;
mod order;
mod overrides;
mod problems;
mod relative;
mod repair;
mod root;
mod rss;
#[cfg(test)]
mod tests;
mod tokens;
mod work;

use tokio::sync::Semaphore;
use url::Url;

pub use facts::Facts;
pub use problems::Problem;
use problems::Problems;

use crate::clock;
use crate::model::Entry;
use names::Family;
use root::Unread;
use work::{MAX_WORK, TooMuch, Work};

/// The stack of the thread that reads a feed: nothing there recurses deeper than a document of six
/// levels asks for, or 128 of JSON.
const STACK: usize = 1024 * 1024;
/// Larger feeds are read one at a time, since reading one takes several times its size in memory.
const LARGE: usize = 1024 * 1024;
static LARGE_ONES: Semaphore = Semaphore::const_new(1);

/// What the answer said about its body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hints<'a> {
    /// The `Content-Type`, whole.
    pub content_type: Option<&'a str>,
    /// Where the body came from in the end; relative links start there.
    pub base_url: Option<&'a Url>,
}

/// What kind of feed it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RSS 0.91 to 2.0, and a bare channel.
    Rss,
    /// RSS 0.90, 1.0 and 1.1, which are RDF.
    Rdf,
    /// Atom 1.0.
    Atom,
    /// Atom 0.3 and its drafts.
    Atom03,
    /// JSON Feed.
    Json,
}

impl Format {
    /// As people read it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rss => "RSS",
            Self::Rdf => "RSS (RDF)",
            Self::Atom => "Atom",
            Self::Atom03 => "Atom 0.3",
            Self::Json => "JSON Feed",
        }
    }
}

/// Where an entry comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// Which item of the document it is, counted from 1.
    pub item: usize,
    /// Its link as the feed has it, whether or not that is one for people: completed by an
    /// `xml:base` of the document and by nothing else. Where the feed gives none, an id that may
    /// be an address stands in, as in other readers: an RSS guid that is not said to be no
    /// permalink, an Atom id.
    pub link: Option<String>,
}

/// Entries with where they come from.
type Placed = Vec<(Entry, Origin)>;

/// A feed's document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What kind it is.
    pub format: Format,
    /// The encoding it was read in.
    pub encoding: &'static str,
    /// How that was found, in words.
    pub encoding_by: &'static str,
    /// The feed's title, as plain text.
    pub title: Option<String>,
    /// BCP 47 tag of the feed; entries without one of their own have it too.
    pub language: Option<String>,
    /// Every entry that is all there, oldest first, also one that repeats another.
    ///
    /// Where every entry has a date, that is the order of their dates. Entries of one moment, and
    /// all of them where one has no date, keep the order of the document, which is turned around
    /// unless its dates show that it runs from old to new: feeds put the newest first.
    pub entries: Vec<Entry>,
    /// Where each of the entries comes from, in their order.
    pub origins: Vec<Origin>,
    /// What was repaired or skipped.
    pub problems: Vec<Problem>,
    /// Whether the document is whole. If not, its validators must not be kept, since the rest of
    /// it would never be asked for.
    pub complete: bool,
    /// What the feed says of itself: when to ask again, its hubs, where it stands.
    pub facts: Facts,
}

impl Document {
    /// Without the items that repeat another to the letter: a post that is listed twice is one.
    #[must_use]
    pub fn distinct(mut self) -> Self {
        let mut problems = Problems::default();
        let placed = self.entries.into_iter().zip(self.origins).collect();
        (self.entries, self.origins) = order::distinct(placed, &mut problems).into_iter().unzip();
        self.problems.extend(problems.into_list());
        self
    }
}

/// Why a body is no feed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAFeed {
    /// Nothing at all.
    #[error("the answer is empty where a feed should be")]
    Empty,
    /// A page for people.
    #[error("an HTML page{} stands where a feed should be{}", titled(title), instead(feeds))]
    Html {
        /// Its title.
        title: Option<String>,
        /// The feeds that it names.
        feeds: Vec<String>,
    },
    /// Something else.
    #[error("no feed: {0}")]
    Other(String),
}

impl From<TooMuch> for NotAFeed {
    fn from(_: TooMuch) -> Self {
        let seconds = MAX_WORK.as_secs();
        Self::Other(format!("reading it takes the processor more than {seconds} s"))
    }
}

fn titled(title: &Option<String>) -> String {
    title.as_ref().map(|title| format!(" ({title:?})")).unwrap_or_default()
}

fn instead(feeds: &[String]) -> String {
    match feeds {
        [] => String::new(),
        [feed] => format!("; the page names its feed: {feed}"),
        feeds => format!("; the page names these feeds: {}", feeds.join(" ")),
    }
}

/// An entry as a typed parser finds it.
struct Typed {
    entry: Entry,
    /// Whether its id may stand in for its address.
    by_id: bool,
    /// Its link as the feed has it, where that counts clicks and the real one is told.
    counted: Option<String>,
}

/// A feed's head, as the readers of each format find it.
#[derive(Debug, Default)]
struct Head {
    title: Option<String>,
    language: Option<String>,
    facts: Facts,
}

/// Reads a feed.
///
/// # Errors
/// Where there is no feed in it, in words that say what is there instead.
pub fn parse(bytes: &[u8], hints: &Hints<'_>) -> Result<Document, NotAFeed> {
    read(bytes, hints, &mut Work::endless())
}

fn read(bytes: &[u8], hints: &Hints<'_>, work: &mut Work) -> Result<Document, NotAFeed> {
    if bytes.starts_with(&[0x1F, 0x8B]) {
        let what = "gzip data that the server does not declare (Content-Encoding)";
        return Err(NotAFeed::Other(what.to_owned()));
    }
    let decoded = encoding::decode(bytes, hints.content_type);
    let text = decoded.text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n', '\0']);
    let mut problems = Problems::default();
    if let Some(problem) = decoded.problem {
        problems.add(None, problem);
    }
    if text.is_empty() {
        return Err(NotAFeed::Empty);
    }
    let is_control = |b: &u8| matches!(b, 0..=8 | 11 | 12 | 14..=31 | 127);
    let controls = text.as_bytes().iter().filter(|b| is_control(b)).count();
    problems.mended("a control character that no text has is left out", controls);
    let (format, head, entries, complete) = if text.starts_with(['{', '[']) {
        match json::read(text, hints.base_url, &mut problems) {
            Ok((head, entries, complete)) => (Format::Json, head, entries, complete),
            Err(json::NoJsonFeed::Other) => {
                return Err(NotAFeed::Other("JSON, but no JSON Feed".to_owned()));
            }
            // Somebody's message in brackets may stand before a feed as well.
            Err(json::NoJsonFeed::Broken(error)) => read_xml(text, hints, &mut problems, work)
                .map_err(|_| NotAFeed::Other(format!("broken JSON: {error}")))?,
        }
    } else {
        read_xml(text, hints, &mut problems, work)?
    };
    work.look().map_err(NotAFeed::from)?;
    let language = head.language;
    let mut entries = entries;
    for (entry, origin) in &mut entries {
        work.look()?;
        relate(entry, hints.base_url);
        for why in entry.overrides.iter().filter_map(|asked| asked.unreadable.as_deref()) {
            problems.add(Some(origin.item), why);
        }
    }
    let entries = order::settle(entries, language.as_deref());
    let (entries, origins) = entries.into_iter().unzip();
    Ok(Document {
        format,
        encoding: decoded.encoding,
        encoding_by: decoded.by,
        title: head.title,
        language,
        entries,
        origins,
        problems: problems.into_list(),
        complete,
        facts: head.facts,
    })
}

fn read_xml(
    text: &str,
    hints: &Hints<'_>,
    problems: &mut Problems,
    work: &mut Work,
) -> Result<(Format, Head, Placed, bool), NotAFeed> {
    work.look()?;
    let repaired = repair::repair(text, hints.base_url, problems, work);
    let repaired = repaired.map_err(|unread| match unread {
        Unread::TooMuch => NotAFeed::from(TooMuch),
        Unread::NoRoot(none) => match none.found {
            _ if none.html || mentions_html(hints) => {
                let (title, feeds) = html::page(text, hints.base_url);
                NotAFeed::Html { title, feeds }
            }
            Some(found) => NotAFeed::Other(format!("a document that starts with <{found}>")),
            None => NotAFeed::Other(format!("text that starts with {:?}", start_of(text))),
        },
    })?;
    work.look()?;
    let (format, (mut head, entries)) = match repaired.family {
        Family::Rss => {
            let format = if repaired.root == "rdf" { Format::Rdf } else { Format::Rss };
            (format, rss::read(&repaired.xml, work)?)
        }
        Family::Atom => {
            let format = if repaired.atom03 { Format::Atom03 } else { Format::Atom };
            (format, atom::read(&repaired.xml, work)?)
        }
    };
    let declared = repaired.language.as_deref().and_then(extras::language);
    head.language = head.language.or(declared);
    head.facts = repaired.facts;
    let mut written = repaired.written.into_iter();
    let entries = (repaired.first..).zip(entries).map(|(item, typed)| {
        let written = written.next().unwrap_or_default();
        let link = typed.counted.as_ref().or(typed.entry.link.as_ref());
        let link = as_written(&typed.entry, link, &written, typed.by_id);
        (typed.entry, Origin { item, link })
    });
    Ok((format, head, entries.collect(), repaired.complete))
}

fn unreadable(error: impl std::fmt::Display) -> NotAFeed {
    NotAFeed::Other(format!("a feed that cannot be read: {error}"))
}

/// Makes what its texts link to and show absolute: they are written for the entry's own page.
fn relate(entry: &mut Entry, base: Option<&Url>) {
    let page = entry.link.as_deref().and_then(|link| Url::parse(link).ok());
    let base = page.as_ref().or(base);
    for text in [&mut entry.summary, &mut entry.content] {
        *text = relative::resolved(std::mem::take(text), base);
    }
}

/// An entry's link as the feed has it; `by_id` says whether its id may stand in.
fn as_written(
    entry: &Entry,
    link: Option<&String>,
    written: &items::Written,
    by_id: bool,
) -> Option<String> {
    let id = entry.guid.as_ref().filter(|_| by_id);
    let Some(link) = link else {
        return written.first().map(|(_, raw)| raw).or(id).cloned();
    };
    let raw = written.iter().find(|(became, _)| became.as_ref() == Some(link));
    let same = |id: &&String| clean::link(id, None).as_ref() == Some(link);
    Some(raw.map(|(_, raw)| raw).or_else(|| id.filter(same)).unwrap_or(link).clone())
}

fn mentions_html(hints: &Hints<'_>) -> bool {
    hints.content_type.is_some_and(|t| t.trim_start().to_ascii_lowercase().starts_with("text/html"))
}

/// The first words, for people.
fn start_of(text: &str) -> String {
    const SHOWN_CHARS: usize = 40;
    clean::title_of_text(&text.chars().take(SHOWN_CHARS * 4).collect::<String>())
        .chars()
        .take(SHOWN_CHARS)
        .collect()
}

/// Reads a feed on a thread of its own: a large one takes its time, and others wait for none. What
/// repeats another item is left out. What it costs is bounded: the stack, the processor's time, and large ones are read one at a time.
///
/// # Errors
/// As [`parse`]; and where it makes too much work.
pub async fn parse_off_thread(
    bytes: Vec<u8>,
    content_type: Option<String>,
    base_url: Option<Url>,
) -> Result<Document, NotAFeed> {
    // The semaphore is never closed.
    let _alone = if bytes.len() > LARGE { LARGE_ONES.acquire().await.ok() } else { None };
    let work = move || {
        let hints = Hints { content_type: content_type.as_deref(), base_url: base_url.as_ref() };
        read(&bytes, &hints, &mut Work::within(MAX_WORK, clock::worked)).map(Document::distinct)
    };
    // The runtime's own threads have the stack that the runtime was made with, whatever that is.
    let thread = std::thread::Builder::new().name("feed".to_owned()).stack_size(STACK);
    let read = tokio::task::spawn_blocking(move || match thread.spawn(work) {
        Ok(thread) => thread.join().ok(),
        Err(error) => Some(Err(NotAFeed::Other(format!("it was not read: {error}")))),
    });
    // A feed on which the reading itself fails costs that feed its poll, and no other.
    let fell_over = || Err(NotAFeed::Other("reading it fell over".to_owned()));
    read.await.ok().flatten().unwrap_or_else(fell_over)
}
