//! The blog: what it has written, and what its feed makes of that on this day.

use std::fmt::Write as _;
use std::time::Duration;

use oncecast::model::{Response, Time};

use super::truth::{Post, post_in};
use super::world::{DAY, Dice, HOUR, START};

/// What its feed shows at most.
const ITEMS: usize = 12;

/// How its server, and its software, are today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    /// A document without items.
    Empty,
    /// Only the newest.
    Shrunk,
    /// Last week's copy.
    Stale,
    /// A page of words.
    Words,
    Failing,
    /// It says that nothing has changed, whatever it was asked.
    Frozen,
    /// The connection breaks in the middle of the document.
    Cut,
    Unreachable,
}

impl Mood {
    pub(super) const BAD: [Self; 8] = [
        Self::Empty,
        Self::Shrunk,
        Self::Stale,
        Self::Words,
        Self::Failing,
        Self::Frozen,
        Self::Cut,
        Self::Unreachable,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Well => "feed well",
            Self::Empty => "feed empty",
            Self::Shrunk => "feed shrunk",
            Self::Stale => "feed stale",
            Self::Words => "feed no feed",
            Self::Failing => "feed failing",
            Self::Frozen => "feed frozen",
            Self::Cut => "feed cut",
            Self::Unreachable => "feed unreachable",
        }
    }
}

/// One post.
#[derive(Debug)]
struct Item {
    post: Post,
    at: Time,
    /// How often it was edited.
    edits: u32,
    text: String,
    /// Taken down by its author, since when.
    gone: Option<Time>,
    /// The longest that it was away and came back from.
    away: Duration,
}

/// The blog.
#[derive(Debug)]
pub(super) struct Blog {
    items: Vec<Item>,
    pub(super) mood: Mood,
    /// By which rule its software makes guids, and links.
    pub(super) guids: u32,
    pub(super) links: u32,
    pub(super) reversed: bool,
    version: u64,
}

const WORDS: [&str; 24] = [
    "river", "stone", "harbour", "lantern", "winter", "bread", "signal", "copper", "meadow",
    "engine", "letter", "orchard", "thunder", "velvet", "compass", "island", "marble", "paper",
    "sparrow", "tunnel", "violin", "window", "yellow", "zephyr",
];

impl Blog {
    /// A blog with a few posts of last month.
    pub(super) fn new(dice: &mut Dice) -> Self {
        let mut blog = Self {
            items: Vec::new(),
            mood: Mood::Well,
            guids: 0,
            links: 0,
            reversed: false,
            version: 0,
        };
        for days in [20, 15, 9, 3] {
            blog.write(START.minus(DAY * days), dice);
        }
        blog
    }

    /// A new post.
    pub(super) fn write(&mut self, at: Time, dice: &mut Dice) -> Post {
        let post = Post::try_from(self.items.len() + 1).expect("few");
        let mut text = String::new();
        for _ in 0..40 {
            text.push_str(dice.one_of(&WORDS));
            text.push(' ');
        }
        self.items.push(Item { post, at, edits: 0, text, gone: None, away: Duration::ZERO });
        self.version += 1;
        post
    }

    /// The author changes the newest posts' titles and texts.
    pub(super) fn edit(&mut self) {
        for item in self.items.iter_mut().rev().take(2) {
            item.edits += 1;
        }
        self.version += 1;
    }

    /// The author takes the newest post down, and puts up what was taken down before.
    pub(super) fn take_down(&mut self, now: Time) {
        let count = self.items.len();
        for (at, item) in self.items.iter_mut().enumerate() {
            match item.gone.take() {
                Some(since) => item.away = item.away.max(now.since(since)),
                None => item.gone = (at + 1 == count).then_some(now),
            }
        }
        self.version += 1;
    }

    /// The longest that a post was away from the blog.
    pub(super) fn gone_for(&self, post: Post, now: Time) -> Duration {
        let item = self.items.iter().find(|item| item.post == post);
        let now = |item: &Item| item.gone.map_or(Duration::ZERO, |since| now.since(since));
        item.map_or(Duration::ZERO, |item| item.away.max(now(item)))
    }

    /// What the page of a post answers; `None` where there is no connection.
    pub(super) fn page(&self, path: &str, lies: bool) -> Option<Response> {
        let item = post_in(path).and_then(|post| self.items.iter().find(|item| item.post == post));
        let is_hidden = |item: &Item| match self.mood {
            Mood::Stale => lies && item.post + 2 > self.posts(),
            _ => false,
        };
        let status = match (self.mood, item) {
            (Mood::Unreachable, _) => return None,
            (Mood::Failing, _) => 503,
            (_, Some(item)) if item.gone.is_none() && !is_hidden(item) => 200,
            _ => 404,
        };
        Some(Response { status, whole: true, ..Response::default() })
    }

    /// Something in how the feed is written has changed.
    pub(super) fn rewritten(&mut self) {
        self.version += 1;
    }

    pub(super) fn posts(&self) -> Post {
        Post::try_from(self.items.len()).expect("few")
    }

    /// The posts that the feed shows when it is well.
    pub(super) fn shown(&self) -> Vec<Post> {
        self.items
            .iter()
            .rev()
            .filter(|item| item.gone.is_none())
            .take(ITEMS)
            .map(|item| item.post)
            .collect()
    }

    /// The link of a post now.
    pub(super) fn link_of(&self, post: Post) -> String {
        link(post, self.links)
    }

    /// Every link that a post has had.
    pub(super) fn links_of(post: Post) -> [String; 2] {
        [0, 1].map(|rule| link(post, rule))
    }

    /// What a GET brings; `None` where there is no connection.
    pub(super) fn answer(&self, asked: Option<&str>, now: Time) -> Option<Response> {
        let tag = format!("\"v{}-{:?}\"", self.version, self.mood);
        let mut response = Response { status: 200, whole: true, ..Response::default() };
        response.headers = vec![
            ("content-type".to_owned(), "application/rss+xml".to_owned()),
            ("etag".to_owned(), tag.clone()),
        ];
        let all: Vec<&Item> =
            self.items.iter().rev().filter(|item| item.gone.is_none()).take(ITEMS).collect();
        response.body = match self.mood {
            Mood::Unreachable => return None,
            Mood::Failing => {
                response.status = 503;
                return Some(response);
            }
            Mood::Frozen if asked.is_some() => {
                response.status = 304;
                return Some(response);
            }
            Mood::Well | Mood::Cut if asked == Some(&tag) => {
                response.status = 304;
                return Some(response);
            }
            Mood::Well | Mood::Frozen => self.rss(&all, self.reversed),
            Mood::Cut => {
                response.whole = false;
                let mut text = self.rss(&all, self.reversed);
                text.truncate(text.len() / 2);
                text
            }
            Mood::Empty => self.rss(&[], false),
            Mood::Shrunk => self.rss(&all[..all.len().min(2)], false),
            Mood::Stale => {
                let old = now.minus(HOUR * 60);
                let old: Vec<&Item> = all.into_iter().filter(|item| item.at < old).collect();
                self.rss(&old, false)
            }
            Mood::Words => "<html><body>Back soon.</body></html>".to_owned(),
        }
        .into_bytes();
        Some(response)
    }

    fn rss(&self, items: &[&Item], reversed: bool) -> String {
        let mut text =
            "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>Blog</title>".to_owned();
        let ordered: Box<dyn Iterator<Item = &&Item>> =
            if reversed { Box::new(items.iter().rev()) } else { Box::new(items.iter()) };
        for item in ordered {
            let Item { post, edits, .. } = item;
            let words: Vec<&str> = item.text.split(' ').take(4).collect();
            let edited = if *edits > 0 { format!(" (edit {edits})") } else { String::new() };
            let date = item.at.to_timestamp().strftime("%a, %d %b %Y %H:%M:%S GMT");
            write!(
                text,
                "<item><title>Post {post}: {}{edited}</title><link>{}</link>\
                 <guid isPermaLink=\"false\">{}</guid><pubDate>{date}</pubDate>\
                 <description>{}{edited}</description></item>",
                words.join(" "),
                link(*post, self.links),
                guid(*post, self.guids),
                item.text,
            )
            .expect("it is a text");
        }
        text.push_str("</channel></rss>");
        text
    }
}

fn link(post: Post, rule: u32) -> String {
    match rule % 2 {
        0 => format!(
            "https://blog.example/p/{post}-{}?utm_source=rss",
            WORDS[post as usize % WORDS.len()]
        ),
        _ => format!("https://blog.example/archive/p/{post}"),
    }
}

fn guid(post: Post, rule: u32) -> String {
    match rule {
        0 => format!("blog-{post}"),
        rule => format!("urn:rule{rule}:{post}"),
    }
}

/// How long until the author writes again.
pub(super) fn until_next(dice: &mut Dice) -> Duration {
    dice.between(HOUR * 10, HOUR * 44)
}
