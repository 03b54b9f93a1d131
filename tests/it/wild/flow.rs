//! The free-flow set: feeds whose posts look alike and are none the less posts of their own. A hold that
//! nobody needed is a reader who was not told.

use std::time::Duration;

use oncecast::model::{Entry, Time};

use super::mind::{Fate, Mind};

const START: Time = Time::from_millis(1_767_323_045_000);
const DAY: Duration = Duration::from_secs(86_400);

/// One kind of feed: its n-th post, how far apart they are, and how many it shows.
struct Kind {
    name: &'static str,
    post: fn(u32) -> Entry,
    apart: Duration,
    windows: &'static [usize],
}

fn entry(n: u32, title: &str, link: String, content: String) -> Entry {
    Entry {
        guid: Some(format!("https://blog.example/?p={n}")),
        link: Some(link),
        title: title.to_owned(),
        content,
        ..Entry::default()
    }
}

fn own(n: u32) -> String {
    format!("https://blog.example/posts/{n}-{}", WORDS[n as usize % WORDS.len()])
}

const WORDS: [&str; 13] = [
    "harbour", "bridges", "lanterns", "orchard", "meadows", "granite", "whistle", "compass",
    "thistle", "blanket", "kitchen", "rivers", "candles",
];

/// Two words that stand together only once in so many posts.
fn pair(n: u32) -> String {
    format!("{} and {}", WORDS[n as usize % 13], WORDS[(n as usize / 13 + 5) % 13])
}

/// A text about something, long enough to be compared.
fn story(n: u32) -> String {
    let word = |k: u32| WORDS[((n * 7 + k * (n % 5 + 3)) % 13) as usize];
    (0..60).map(|k| format!("{} {} ", word(k), word(k * k + n))).collect()
}

const KINDS: [Kind; 12] = [
    Kind {
        name: "a weekly column with one title",
        post: |n| entry(n, "Links of the week", own(n), story(n)),
        apart: Duration::from_secs(7 * 86_400),
        windows: &[1, 3, 10],
    },
    Kind {
        name: "a daily column with one title",
        post: |n| entry(n, "The morning notes of today", own(n), story(n)),
        apart: DAY,
        windows: &[1, 3, 10],
    },
    Kind {
        name: "untitled microposts",
        post: |n| entry(n, "", own(n), format!("Had {n} cups of tea.")),
        apart: Duration::from_secs(1_800),
        windows: &[1, 3, 10],
    },
    Kind {
        name: "microposts that say the same",
        post: |n| entry(n, "", own(n), "Good morning!".to_owned()),
        apart: DAY,
        windows: &[1, 3, 10],
    },
    Kind {
        name: "a photo blog with empty texts",
        post: |n| entry(n, "", own(n), format!("<img src=\"https://blog.example/{n}.jpg\">")),
        apart: Duration::from_secs(3_600),
        windows: &[1, 3, 10],
    },
    Kind {
        name: "a photo blog whose posts are all named Photo",
        post: |n| entry(n, "Photo", own(n), String::new()),
        apart: Duration::from_secs(3_600),
        windows: &[1, 3, 10],
    },
    Kind {
        name: "issues of a series, in one form",
        post: |n| {
            let text = format!(
                "Issue {n} of our letter is out. {}",
                "It has the usual parts. ".repeat(12)
            );
            entry(n, &format!("The letter #{n}"), own(n), text)
        },
        apart: DAY,
        windows: &[1, 3, 10],
    },
    Kind {
        name: "a link blog that links outward",
        post: |n| {
            let link = format!("https://news-{}.example/{}/", n % 7, WORDS[n as usize % 13]);
            entry(
                n,
                &format!("On {}", story(n).chars().take(30).collect::<String>()),
                link,
                story(n),
            )
        },
        apart: Duration::from_secs(7_200),
        windows: &[1, 3, 10],
    },
    Kind {
        name: "posts that thank one sponsor under one address",
        post: |n| {
            let link = "https://sponsor.example/offer".to_owned();
            entry(n, &format!("Thanks for {}", pair(n)), link, story(n))
        },
        apart: Duration::from_secs(7 * 86_400),
        windows: &[1, 3, 10],
    },
    Kind {
        name: "posts that all link to the front page",
        post: |n| entry(n, WORDS[n as usize % 13], "https://blog.example/".to_owned(), story(n)),
        apart: DAY,
        windows: &[1, 3, 10],
    },
    Kind {
        name: "releases on one page, told apart by the fragment",
        post: |n| {
            let link = format!("https://app.example/changelog#1.12.{n}");
            entry(n, &format!("Version 1.12.{n}"), link, "Bug fixes.".to_owned())
        },
        apart: DAY,
        windows: &[1, 3, 10],
    },
    Kind {
        name: "episodes that all link to the show",
        post: |n| {
            let link = "https://cast.example/show".to_owned();
            let guid = Some(format!("ep-{n}"));
            Entry {
                guid,
                ..entry(n, &format!("About the {}", WORDS[n as usize % 13]), link, story(n))
            }
        },
        apart: Duration::from_secs(7 * 86_400),
        windows: &[3, 10],
    },
];

#[test]
fn what_is_new_flows_freely_however_alike_it_is() {
    let mut held = Vec::new();
    let mut sent = 0;
    for kind in &KINDS {
        let posts: Vec<Entry> = (0..40)
            .map(|n| Entry { published: Some(START.plus(kind.apart * n)), ..(kind.post)(n) })
            .collect();
        for window in kind.windows {
            let mind = Mind::default();
            for end in *window..=posts.len() {
                let shown = &posts[end - window..end];
                let now = START.plus(kind.apart * end as u32);
                for (at, fate) in mind.sees(shown, now).into_iter().enumerate() {
                    let is_new = end > *window && at + 1 == *window;
                    match fate {
                        Fate::Sent(_) => {
                            assert!(is_new || end == *window, "{} is new twice", kind.name);
                            sent += usize::from(is_new);
                        }
                        Fate::Known(_) if !is_new => {}
                        other => held.push(format!("{} by {window}: {end} {other:?}", kind.name)),
                    }
                }
            }
        }
    }
    println!("{sent} posts flowed, {} did not", held.len());
    assert!(held.is_empty(), "{held:#?}");
}
