//! Histories of our own making, in the shapes that real ones have: each post bears a mark by which its
//! readers know it, whatever its feed makes of it.

use std::collections::BTreeMap;

use oncecast::model::Time;

use super::house::{Life, OPEN, Snapshot, live};
use crate::incidents::blog::{Post, archive, before, each, post, rss};
use crate::incidents::net::MARK;

/// One life of a feed, and what is to come of it.
struct History {
    name: &'static str,
    snapshots: Vec<Snapshot>,
    /// Marks of what readers are to see, in any order.
    sent: &'static [&'static str],
    /// How many entries wait for a person.
    held: usize,
}

/// A feed that shows these posts, and then those.
fn shows(name: &'static str, documents: &[Vec<Post>], sent: &'static [&'static str]) -> History {
    let snapshot = |(at, posts): (usize, &Vec<Post>)| Snapshot::new(&at.to_string(), rss(posts));
    let snapshots = documents.iter().enumerate().map(snapshot).collect();
    History { name, snapshots, sent, held: 0 }
}

fn dated(posts: &[Post], first: u64) -> Vec<Post> {
    let day = |n: usize| Time::from_millis((first + 30 - n as u64) * 86_400_000 + 36_000_000);
    let mut posts = posts.to_vec();
    posts.iter_mut().enumerate().for_each(|(n, post)| post.published = Some(day(n)));
    posts
}

/// What names a post is taken from its address, as of blogs whose generator has no ids.
fn by_permalink(posts: &[Post], site: &str) -> Vec<Post> {
    each(posts, |post| {
        post.link = Some(format!("{site}/{}", post.mark));
        post.guid.clone_from(&post.link);
    })
}

/// A post that was a draft: with another teaser and slug, and still without a date.
fn draft_no_more(post: &Post) -> Post {
    let link = Some(format!("http://blog.example/on-{}", post.mark));
    Post { guid: link.clone(), link, text: "In other words.".to_owned(), ..post.clone() }
}

fn histories() -> Vec<History> {
    // A moment of 2026, in days.
    const NOW: u64 = 20_500;
    let old = archive(8);
    let (a, b, c) = (post("badger"), post("curlew"), post("dormouse"));
    let site = "http://blog.example";
    let plain = by_permalink(&dated(&old, NOW), site);
    let new = |posts: &[Post]| by_permalink(posts, site);
    let down =
        |status, body: &str| Snapshot { status, ..Snapshot::new("down", body.as_bytes().to_vec()) };
    let mut histories = vec![
        shows(
            "a sliding window, one new post at a time",
            &[
                old[..4].to_vec(),
                before(std::slice::from_ref(&a), &old[..3]),
                before(&[b.clone(), a.clone()], &old[..2]),
                before(&[c.clone(), b.clone(), a.clone()], &old[..1]),
            ],
            &["badger", "curlew", "dormouse"],
        ),
        shows(
            "from http to https, guids and all",
            &[
                plain.clone(),
                by_permalink(&plain, "https://blog.example"),
                by_permalink(&before(std::slice::from_ref(&a), &plain), "https://blog.example"),
                by_permalink(&before(std::slice::from_ref(&a), &plain), site),
            ],
            &["badger"],
        ),
        shows(
            "dates that are those of the build",
            &[
                dated(&old, NOW),
                dated(&before(std::slice::from_ref(&a), &old), NOW + 1),
                dated(&before(std::slice::from_ref(&a), &old), NOW + 9),
                each(&before(std::slice::from_ref(&a), &old), |post| post.published = None),
            ],
            &["badger"],
        ),
        shows(
            "shrinks and grows again",
            &[
                old.clone(),
                old[..2].to_vec(),
                before(std::slice::from_ref(&a), &old[..1]),
                before(std::slice::from_ref(&a), &old),
                before(&[b.clone(), a.clone()], &old),
            ],
            &["badger", "curlew"],
        ),
        shows(
            "empties and returns",
            &[
                old.clone(),
                Vec::new(),
                old.clone(),
                Vec::new(),
                before(std::slice::from_ref(&a), &old),
            ],
            &["badger"],
        ),
        shows(
            "another guid at every build, and edits",
            &[0, 1, 2, 3, 4, 5].map(|build| {
                let fresh = if build > 2 { vec![a.clone()] } else { Vec::new() };
                each(&before(&fresh, &old), |post| {
                    post.guid = Some(format!("build-{build}-{}", post.mark));
                    post.text += &format!(" Words of build {build}.");
                    if post.mark == "old-oak" {
                        post.title = format!("All about old-oak, {} times over", build + 2);
                    }
                })
            }),
            &["badger"],
        ),
        shows(
            "titles are mended",
            &[
                before(std::slice::from_ref(&a), &old),
                each(&before(std::slice::from_ref(&a), &old), |post| post.title += ", and more"),
                each(&before(&[b.clone(), a.clone()], &old), |post| post.title += " [UPDATED]"),
            ],
            &["curlew"],
        ),
        shows(
            "no order at all",
            &[
                old.clone(),
                old.iter().rev().cloned().collect(),
                [&old[4..], std::slice::from_ref(&a), &old[..4]].concat(),
                [&old[1..3], &old[5..], std::slice::from_ref(&a), &old[..1]].concat(),
            ],
            &["badger"],
        ),
        shows(
            "posts that are listed twice",
            &[
                [&old[..], &old[..3]].concat(),
                [std::slice::from_ref(&a), &old[..], std::slice::from_ref(&a)].concat(),
                before(std::slice::from_ref(&a), &old),
            ],
            &["badger"],
        ),
        shows(
            "neither guid nor date",
            &[0, 1, 2].map(|n| {
                let fresh = &[c.clone(), b.clone()][2 - n..];
                each(&before(fresh, &old), |post| (post.guid, post.published) = (None, None))
            }),
            &["curlew", "dormouse"],
        ),
        History {
            held: plain.len(),
            ..shows(
                "every permalink and so every guid is another",
                &[
                    plain.clone(),
                    by_permalink(&plain, "http://blog.example/articles/2026"),
                    before(
                        &new(std::slice::from_ref(&a)),
                        &by_permalink(&plain, "http://blog.example/articles/2026"),
                    ),
                    before(&new(std::slice::from_ref(&a)), &plain),
                ],
                &["badger"],
            )
        },
        History {
            held: 1,
            ..shows(
                "a draft is published behind all posts, and then under its own slug",
                &[
                    plain.clone(),
                    [
                        &plain[..],
                        &by_permalink(std::slice::from_ref(&a), "http://blog.example/drafts"),
                    ]
                    .concat(),
                    [&plain[..], &[draft_no_more(&a)]].concat(),
                    before(&new(std::slice::from_ref(&b)), &plain),
                ],
                &["badger", "curlew"],
            )
        },
        History {
            held: 1,
            ..shows(
                "one slug is mended after it was sent",
                &[
                    plain.clone(),
                    before(&new(std::slice::from_ref(&a)), &plain),
                    before(
                        &by_permalink(std::slice::from_ref(&a), "http://blog.example/mended"),
                        &plain,
                    ),
                    before(&new(&[b.clone(), a.clone()]), &plain),
                ],
                &["badger", "curlew"],
            )
        },
    ];
    let mut broken = shows(
        "breaks down in every way",
        &[old.clone(), before(std::slice::from_ref(&a), &old), before(&[b, a], &old)],
        &["badger", "curlew"],
    );
    let whole = broken.snapshots[1].body.clone();
    let half = Snapshot::new("half", whole[..whole.len() / 2].to_vec());
    let login = down(200, "<html><body>Please log in</body></html>");
    broken.snapshots.insert(2, half);
    broken.snapshots.insert(1, login);
    broken.snapshots.insert(3, down(500, "no"));
    histories.push(broken);
    histories
}

/// What a feed does over the years is told to nobody again, whatever it is and whenever the daemon dies.
#[tokio::test(flavor = "multi_thread")]
async fn no_life_of_a_feed_repeats_a_post() {
    let side_by_side = tokio::task::LocalSet::new();
    let lives: Vec<_> = histories()
        .into_iter()
        .enumerate()
        .map(|(seed, history)| {
            side_by_side.spawn_local(async move {
                let life = live(&history.snapshots, OPEN, seed as u64).await;
                (history, life)
            })
        })
        .collect();
    side_by_side.await;
    for life in lives {
        let (history, life) = life.await.expect("lived through");
        let Life { seen, held, doubts, entries, kills } = life;
        let mut told: BTreeMap<String, u32> = BTreeMap::new();
        for (_, post) in &seen {
            let categories = post["categories"].as_array().into_iter().flatten();
            let mark = categories.filter_map(|c| c.as_str()?.strip_prefix(MARK)).next();
            *told.entry(mark.expect("marked").to_owned()).or_default() += 1;
        }
        println!(
            "{}: {} snapshots, {kills} kills, {entries} entries, {} sent, {} held, {} in doubt",
            history.name,
            history.snapshots.len(),
            seen.len(),
            held.len(),
            doubts.len()
        );
        assert!(told.values().all(|times| *times == 1), "{}: seen twice: {told:?}", history.name);
        let known = |mark: &&String| history.sent.contains(&mark.as_str());
        assert_eq!(told.keys().find(|mark| !known(mark)), None, "{}: not new", history.name);
        // What was killed in the middle of its sending may be missing, and is in doubt.
        let missing = history.sent.len() - told.len();
        assert!(missing <= doubts.len(), "{}: not told: {told:?} {held:?}", history.name);
        assert_eq!(held.len(), history.held, "{}: {held:?}", history.name);
    }
}
