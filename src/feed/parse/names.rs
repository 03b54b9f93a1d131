//! Which element is meant: namespaces by their URI, known prefixes by name where nobody declared
//! them, and the few elements of each vocabulary that an entry is made of.

use super::{facts, overrides};

/// The vocabularies that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// RSS itself, in any of its versions, and whatever has no namespace.
    Core,
    Atom,
    /// Atom 0.3 and the drafts before it.
    Atom03,
    Content,
    Dc,
    Terms,
    Media,
    Itunes,
    Feedburner,
    /// RSS 1.0's syndication module.
    Syndication,
    Rdf,
    Xhtml,
    Xml,
    /// What authors ask for: our own, and POSSE Party's.
    Once,
    Posse,
    Other,
}

/// More declarations than this on one element, or in scope at once, are dropped: a storm of them
/// took a typed parser 17 s.
const MAX_DECLARATIONS: usize = 64;
const MAX_IN_SCOPE: usize = 128;

/// The namespace declarations in scope.
#[derive(Debug, Default)]
pub(super) struct Spaces<'a> {
    declared: Vec<(&'a str, Space)>,
}

impl<'a> Spaces<'a> {
    /// Takes an element's declarations into scope; the mark undoes that.
    pub(super) fn declare(&mut self, attributes: &[(&'a str, &'a str)]) -> usize {
        let mark = self.declared.len();
        for (name, uri) in attributes {
            let prefix = match name.strip_prefix("xmlns") {
                Some("") => "",
                Some(rest) => match rest.strip_prefix(':') {
                    Some(prefix) => prefix,
                    None => continue,
                },
                None => continue,
            };
            let room =
                self.declared.len() - mark < MAX_DECLARATIONS && self.declared.len() < MAX_IN_SCOPE;
            if room {
                self.declared.push((prefix, space_of_uri(uri)));
            }
        }
        mark
    }

    /// Takes everything since the mark out of scope.
    pub(super) fn undo(&mut self, mark: usize) {
        self.declared.truncate(mark);
    }

    /// The vocabulary of an element.
    pub(super) fn resolve(&self, name: &str) -> Space {
        let prefix = name.split_once(':').map_or("", |(prefix, _)| prefix);
        let declared = self.declared.iter().rev().find(|(p, _)| *p == prefix).map(|(_, s)| *s);
        match declared {
            // A default namespace that nobody knows is a generator's fancy around plain RSS.
            Some(Space::Other) if prefix.is_empty() => Space::Core,
            Some(space) => space,
            None => space_of_prefix(prefix),
        }
    }
}

/// By URI, without regard to case, scheme or a trailing slash.
fn space_of_uri(uri: &str) -> Space {
    let uri = uri.trim().to_ascii_lowercase();
    let uri = uri.strip_prefix("http://").or_else(|| uri.strip_prefix("https://")).unwrap_or(&uri);
    let uri = uri.trim_end_matches(['/', '#']);
    match uri {
        "www.w3.org/2005/atom" => Space::Atom,
        "purl.org/atom/ns"
        | "purl.org/pie"
        | "purl.org/echo"
        | "example.com/newformat"
        | "example.com/necho"
        | "uri/of/echo/namespace" => Space::Atom03,
        ""
        | "purl.org/rss/1.0"
        | "purl.org/net/rss1.1"
        | "purl.org/rss/1.0/modules/rss091"
        | "my.netscape.com/rdf/simple/0.9"
        | "channel.netscape.com/rdf/simple/0.9"
        | "blogs.law.harvard.edu/tech/rss"
        | "cyber.law.harvard.edu/rss/rss.html" => Space::Core,
        "purl.org/rss/1.0/modules/content" => Space::Content,
        "purl.org/dc/elements/1.1" | "purl.org/dc/elements/1.0" | "purl.org/rss/1.0/modules/dc" => {
            Space::Dc
        }
        "purl.org/dc/terms" => Space::Terms,
        "purl.org/rss/1.0/modules/syndication" => Space::Syndication,
        "rssnamespace.org/feedburner/ext/1.0" => Space::Feedburner,
        "www.w3.org/1999/02/22-rdf-syntax-ns" => Space::Rdf,
        "www.w3.org/1999/xhtml" => Space::Xhtml,
        "www.w3.org/xml/1998/namespace" => Space::Xml,
        "urn:oncecast:post" => Space::Once,
        "posseparty.com/2024/feed" => Space::Posse,
        _ if uri.contains("netscape.com") || uri.contains("userland.com") => Space::Core,
        _ if uri.contains("/mrss") => Space::Media,
        _ if uri.contains("podcast-1.0.dtd") => Space::Itunes,
        _ => Space::Other,
    }
}

fn space_of_prefix(prefix: &str) -> Space {
    match prefix {
        "" => Space::Core,
        "atom" | "atom10" | "a10" => Space::Atom,
        "content" => Space::Content,
        "dc" => Space::Dc,
        "dcterms" => Space::Terms,
        "media" => Space::Media,
        "itunes" => Space::Itunes,
        "feedburner" => Space::Feedburner,
        "sy" => Space::Syndication,
        "rdf" => Space::Rdf,
        "xhtml" => Space::Xhtml,
        "xml" => Space::Xml,
        "once" => Space::Once,
        "posse" => Space::Posse,
        _ => Space::Other,
    }
}

/// The two families of documents that are XML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Rss,
    Atom,
}

/// How an element is read and written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// A short text that may be HTML.
    Short,
    /// A long text that may be HTML.
    Long,
    /// An Atom text construct, short or long, whose attributes say what it is.
    AtomShort,
    AtomLong,
    /// A short text whose markup is dropped.
    Plain,
    /// An id.
    Guid,
    /// A moment.
    Date,
    /// An address as text, or in an `href` where somebody mistook the vocabulary.
    Link,
    /// A person as text, or as an element with a `name`; written as text.
    Author,
    /// The same, written as an element with a `name`.
    Person,
    /// Only its attributes count; the addresses among them are made absolute.
    Attributes(&'static [&'static str]),
    /// Its attributes count and so do its children, until it closes.
    Open(&'static [&'static str]),
    /// A text whose markup is dropped; all of its attributes count, and it may have nothing else.
    Said,
}

/// What an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The root of a document.
    Root(Family),
    /// RSS's channel.
    Channel,
    /// An item or entry.
    Item,
    /// A field, under the name by which the typed parser knows it.
    Field(&'static str, How),
    /// A wrapper without a meaning of its own.
    Wrapper,
    /// Nothing that is read.
    Unknown,
}

/// Where an element stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Outside of everything.
    Outside,
    /// In the feed's own head.
    Head,
    /// In an item.
    Item,
    /// In a picture or film, within an item.
    Media,
    /// In something that is not read.
    Unknown,
}

const LINK: How = How::Attributes(&["href", "rel", "type"]);
const CATEGORY: How = How::Attributes(&["term", "label"]);
const MEDIA: &[&str] = &["url", "type", "medium"];

/// What an element means in its place.
pub(super) fn meaning(family: Family, place: Place, space: Space, name: &str) -> Meaning {
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    let local = local.to_ascii_lowercase();
    let local = local.as_str();
    let own = match family {
        // Without a prefix it is RSS, whatever default namespace a generator declares.
        Family::Rss => space == Space::Core || (prefix.is_empty() && space != Space::Xhtml),
        Family::Atom => matches!(space, Space::Core | Space::Atom | Space::Atom03),
    };
    match (place, own) {
        (Place::Outside, _) => root(space, local),
        (Place::Unknown, _) => Meaning::Unknown,
        (Place::Media, _) => media(space, local),
        (_, true) if matches!((family, local), (Family::Rss, "item") | (Family::Atom, "entry")) => {
            Meaning::Item
        }
        // Generators mix the two up.
        (Place::Head, true) if matches!(local, "item" | "entry") => Meaning::Item,
        (Place::Head, true) => head(family, local),
        (Place::Item, true) => match family {
            Family::Rss => rss_item(space, local),
            Family::Atom => atom_entry(local),
        },
        (Place::Head, false) => match (space, local) {
            (Space::Dc, "language") => Meaning::Field("dc:language", How::Plain),
            (Space::Dc, "title") => Meaning::Field("title", How::Short),
            (Space::Atom | Space::Atom03, "link") => Meaning::Field("atom:link", LINK),
            (Space::Syndication, "updateperiod") => Meaning::Field(facts::PERIOD, How::Plain),
            (Space::Syndication, "updatefrequency") => Meaning::Field(facts::FREQUENCY, How::Plain),
            _ => Meaning::Unknown,
        },
        (Place::Item, false) => extension(family, space, local),
    }
}

/// The root that an element is, whatever namespace a generator thought of.
fn root(space: Space, local: &str) -> Meaning {
    match local {
        "rss" | "rdf" | "channel" => Meaning::Root(Family::Rss),
        "feed" => Meaning::Root(Family::Atom),
        "entry" if matches!(space, Space::Atom | Space::Atom03) => Meaning::Root(Family::Atom),
        _ => Meaning::Unknown,
    }
}

fn head(family: Family, local: &str) -> Meaning {
    match (family, local) {
        (Family::Rss, "channel") => Meaning::Channel,
        (Family::Rss, "title") => Meaning::Field("title", How::Short),
        (Family::Rss, "link") => Meaning::Field("link", How::Link),
        (Family::Rss, "language") => Meaning::Field("language", How::Plain),
        (Family::Rss, "ttl") => Meaning::Field(facts::TTL, How::Plain),
        (Family::Rss, "skiphours" | "skipdays") => Meaning::Wrapper,
        (Family::Rss, "hour") => Meaning::Field(facts::HOUR, How::Plain),
        (Family::Rss, "day") => Meaning::Field(facts::DAY, How::Plain),
        // RSS 1.1 wraps its items; in RSS 1.0 this is a list of references.
        (Family::Rss, "items") => Meaning::Wrapper,
        (Family::Atom, "title") => Meaning::Field("title", How::AtomShort),
        (Family::Atom, "link") => Meaning::Field("link", LINK),
        _ => Meaning::Unknown,
    }
}

fn rss_item(space: Space, local: &str) -> Meaning {
    let (name, how) = match local {
        "title" => ("title", How::Short),
        "link" => ("link", How::Link),
        "description" => ("description", How::Long),
        "guid" => ("guid", How::Guid),
        "pubdate" => ("pubDate", How::Date),
        "author" => ("author", How::Author),
        "category" => ("category", How::Plain),
        "enclosure" => ("enclosure", How::Attributes(&["url", "type", "length"])),
        // A picture in the media namespace, which is its default here.
        "content" if space == Space::Media => return extension(Family::Rss, space, local),
        // Names of Atom without its namespace.
        "id" => ("atom:id", How::Guid),
        "published" | "issued" => ("dcterms:created", How::Date),
        "updated" | "modified" => ("dcterms:modified", How::Date),
        "summary" | "abstract" => ("dc:description", How::Long),
        "content" | "body" | "fullitem" => ("content:encoded", How::Long),
        _ => return Meaning::Unknown,
    };
    Meaning::Field(name, how)
}

fn atom_entry(local: &str) -> Meaning {
    let (name, how) = match local {
        "id" => ("id", How::Guid),
        "title" => ("title", How::AtomShort),
        "link" => ("link", LINK),
        "summary" => ("summary", How::AtomLong),
        "content" => ("content", How::AtomLong),
        "published" | "issued" => ("published", How::Date),
        "updated" | "modified" => ("updated", How::Date),
        "created" => ("dcterms:created", How::Date),
        "author" => ("author", How::Person),
        "category" => ("category", CATEGORY),
        // Names of RSS.
        "guid" => ("id", How::Guid),
        "pubdate" => ("published", How::Date),
        "description" => ("summary", How::AtomLong),
        _ => return Meaning::Unknown,
    };
    Meaning::Field(name, how)
}

fn media(space: Space, local: &str) -> Meaning {
    match (space, local) {
        (Space::Media, "description") => Meaning::Field("media:description", How::Plain),
        (Space::Media, "title") => Meaning::Field("media:title", How::Plain),
        _ => Meaning::Unknown,
    }
}

/// Elements of other vocabularies in an item; both typed parsers keep them under their prefix.
fn extension(family: Family, space: Space, local: &str) -> Meaning {
    let (name, how) = match (space, local) {
        (Space::Content, "encoded") => ("content:encoded", How::Long),
        (Space::Xhtml, "body" | "div") if family == Family::Rss => ("content:encoded", How::Long),
        (Space::Dc, "title") => ("dc:title", How::Short),
        (Space::Dc, "creator" | "author") => ("dc:creator", How::Plain),
        (Space::Dc, "date") => ("dc:date", How::Date),
        (Space::Dc, "subject") => ("dc:subject", How::Plain),
        (Space::Dc, "description") => ("dc:description", How::Long),
        (Space::Dc, "language") => ("dc:language", How::Plain),
        (Space::Terms, "issued" | "created") => ("dcterms:created", How::Date),
        (Space::Terms, "modified") => ("dcterms:modified", How::Date),
        (Space::Atom | Space::Atom03, "id") => ("atom:id", How::Guid),
        (Space::Atom | Space::Atom03, "link") => ("atom:link", LINK),
        (Space::Atom | Space::Atom03, "title") => ("dc:title", How::Short),
        (Space::Atom | Space::Atom03, "published" | "issued") => ("dcterms:created", How::Date),
        (Space::Atom | Space::Atom03, "updated" | "modified") => ("dcterms:modified", How::Date),
        (Space::Atom | Space::Atom03, "author") => ("dc:creator", How::Author),
        (Space::Atom | Space::Atom03, "summary") => ("dc:description", How::Long),
        (Space::Atom | Space::Atom03, "content") => ("content:encoded", How::Long),
        (Space::Feedburner, "origlink") => ("feedburner:origLink", How::Link),
        (Space::Media, "group") => return Meaning::Wrapper,
        (Space::Media, "content") => ("media:content", How::Open(MEDIA)),
        (Space::Media, "thumbnail") => ("media:thumbnail", How::Attributes(MEDIA)),
        (Space::Media, "title") => ("media:title", How::Plain),
        (Space::Media, "description") => ("media:description", How::Plain),
        (Space::Once, "post") => (overrides::ELEMENT, How::Said),
        (Space::Posse, "post") => (overrides::POSSE, How::Said),
        (Space::Itunes, "author") => ("itunes:author", How::Plain),
        (Space::Itunes, "summary") => ("itunes:summary", How::Long),
        (Space::Itunes, "image") => ("itunes:image", How::Attributes(&["href"])),
        _ => return Meaning::Unknown,
    };
    Meaning::Field(name, how)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_known_by_its_uri_and_a_known_prefix_without_one() {
        let mut spaces = Spaces::default();
        assert_eq!(spaces.resolve("content:encoded"), Space::Content);
        let mark = spaces.declare(&[
            ("xmlns", "http://www.w3.org/2005/Atom"),
            ("xmlns:c", "https://purl.org/rss/1.0/modules/content"),
            ("xmlns:dc", "urn:mine"),
        ]);
        assert_eq!(spaces.resolve("entry"), Space::Atom);
        assert_eq!(spaces.resolve("c:encoded"), Space::Content);
        assert_eq!(spaces.resolve("dc:creator"), Space::Other);
        spaces.undo(mark);
        assert_eq!(spaces.resolve("entry"), Space::Core);
    }

    #[test]
    fn a_storm_of_namespaces_is_capped() {
        let names: Vec<String> = (0..10_000).map(|n| format!("xmlns:n{n}")).collect();
        let storm: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), "urn:x")).collect();
        let mut spaces = Spaces::default();
        for _ in 0..100 {
            spaces.declare(&storm);
        }
        assert_eq!(spaces.declared.len(), MAX_IN_SCOPE);
    }
}
