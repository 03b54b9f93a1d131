//! What the blog of these tests writes: posts that can change in every way and stay the same post.

use std::fmt::Write as _;
use std::time::Duration;

use oncecast::model::Time;

use super::net::MARK;

/// One post as its feed tells it. `mark` is the truth, which oncecast is told but never asks about.
#[derive(Debug, Clone)]
pub struct Post {
    pub mark: String,
    pub guid: Option<String>,
    pub link: Option<String>,
    pub title: String,
    pub text: String,
    pub published: Option<Time>,
}

/// A post as a well-made blog tells it: guid, link, title, a text of some length, no date.
pub fn post(mark: &str) -> Post {
    Post {
        mark: mark.to_owned(),
        guid: Some(format!("http://blog.example/?p={mark}")),
        link: Some(format!("http://blog.example/{mark}/")),
        title: format!("All about {mark}"),
        text: format!("What there is to say of {mark} fills a page and more. ").repeat(6),
        published: None,
    }
}

/// The posts that were there before we were.
pub fn archive(count: usize) -> Vec<Post> {
    const TREES: [&str; 12] = [
        "oak", "ash", "elm", "yew", "fir", "pine", "birch", "beech", "larch", "alder", "maple",
        "rowan",
    ];
    let name = |n: usize| match TREES.get(n) {
        Some(tree) => format!("old-{tree}"),
        None => format!("old-{}-{}", TREES[n % TREES.len()], n / TREES.len()),
    };
    (0..count).map(|n| post(&name(n))).collect()
}

/// New posts in front of what is there, newest first, as feeds are.
pub fn before(new: &[Post], rest: &[Post]) -> Vec<Post> {
    new.iter().chain(rest).cloned().collect()
}

/// Every post after a change.
pub fn each(posts: &[Post], change: impl Fn(&mut Post)) -> Vec<Post> {
    let mut posts = posts.to_vec();
    posts.iter_mut().for_each(change);
    posts
}

/// A moment, so long before another.
pub fn days_before(now: Time, days: u64) -> Option<Time> {
    Some(now.minus(Duration::from_secs(days * 86_400)))
}

/// The posts as an RSS document.
pub fn rss(posts: &[Post]) -> Vec<u8> {
    let mut items = String::new();
    for post in posts {
        let tag = |name: &str, value: &Option<String>| {
            value.as_ref().map(|v| format!("<{name}>{v}</{name}>")).unwrap_or_default()
        };
        let date =
            post.published.map(|at| at.to_timestamp().strftime("%a, %d %b %Y %T GMT").to_string());
        let (guid, link, date) =
            (tag("guid", &post.guid), tag("link", &post.link), tag("pubDate", &date));
        let (title, text, mark) = (&post.title, &post.text, &post.mark);
        writeln!(
            items,
            "<item>{guid}{link}<title>{title}</title><description>{text}</description>{date}\
             <category>{MARK}{mark}</category></item>"
        )
        .expect("written");
    }
    format!("<rss version=\"2.0\"><channel><title>b</title>{items}</channel></rss>").into_bytes()
}
