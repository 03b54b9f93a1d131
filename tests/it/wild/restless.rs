//! A feed whose guids are rolled anew at every build, while all else stays.

use oncecast::model::{Entry, Time};

use super::mind::{Fate, Mind};

const NOW: Time = Time::from_millis(1_767_323_045_000);

fn post(n: u32, guid: &str) -> Entry {
    let words = ["harbours", "bridges", "lanterns", "orchards", "meadows", "granite", "whistles"];
    let word = words[n as usize % words.len()];
    Entry {
        guid: Some(guid.to_owned()),
        link: Some(format!("https://blog.example/{word}-{n}")),
        title: format!("What {word} have to say"),
        content: format!("A few words about {word}. "),
        ..Entry::default()
    }
}

/// Such a guid comes back one day, on another post: whoever believes it takes the new post for the old
/// one, and no reader ever hears of it.
#[test]
fn a_guid_that_is_another_at_each_build_is_no_longer_believed() {
    let mind = Mind::without_walls();
    for build in 0..5 {
        let posts: Vec<Entry> = (0..6).map(|n| post(n, &format!("{build}-{n}"))).collect();
        let fates = mind.sees(&posts, NOW);
        let is_known = |fate: &Fate| matches!(fate, Fate::Known(_));
        assert!(build == 0 || fates.iter().all(is_known), "build {build}: {fates:?}");
    }
    let mut posts: Vec<Entry> = (0..6).map(|n| post(n, &format!("5-{n}"))).collect();
    posts.push(post(6, "1-3"));
    let fates = mind.sees(&posts, NOW);
    assert!(!matches!(fates[6], Fate::Known(_) | Fate::Passed), "it is lost: {fates:?}");
}
