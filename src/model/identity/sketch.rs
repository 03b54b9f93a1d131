//! A measure of how near two texts are to each other, and a small sketch of an entry by which its
//! near-duplicates are found without reading every text again.
//!
//! The recipes have a version in their names; a sketch is rebuilt where it was made by another.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::likeness::{TEXT_CHARS, body};
use super::site::{path_of, slug_of};
use super::text::normal_form;
use crate::model::Entry;

/// The version of the recipes below.
pub const SKETCH_VERSION: u32 = 1;

/// Words in one piece of a text.
const SHINGLE: usize = 3;
/// A text of fewer words, as those that write no spaces, is cut into pieces of so many chars instead.
const WORDS_MIN: usize = 20;
const CHARS: usize = 5;
/// Only so much of a text is compared, in chars.
const COMPARED: usize = 20_000;
/// Of 64 bits, how many may differ for two texts to be looked at: an edit of a fifth of a text changes
/// about a dozen, two texts about different things differ in about half.
const BITS_MAX: u32 = 18;
/// From this share of common pieces on, two texts are near-duplicates.
const NEAR: f64 = 0.7;

/// What an entry looks like, in 28 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sketch {
    /// The entry's number.
    #[serde(rename = "n")]
    pub entry: u64,
    /// The 64-bit simhash of the text, where there is enough of it.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    text: Option<u64>,
    /// Hashes of the title, the slug and the path; 0 where there is none.
    #[serde(rename = "t", default)]
    title: u32,
    #[serde(rename = "s", default)]
    slug: u32,
    #[serde(rename = "p", default)]
    path: u32,
}

impl Sketch {
    /// The sketch of an entry.
    #[must_use]
    pub fn of(number: u64, entry: &Entry) -> Self {
        let short = |text: Option<String>| text.map_or(0, |text| (hash(&text) >> 32) as u32 | 1);
        let text = normal_form(body(entry));
        let long = text.chars().count() >= TEXT_CHARS;
        let title = Some(normal_form(&entry.title)).filter(|title| !title.is_empty());
        Self {
            entry: number,
            text: long.then(|| simhash(&text)),
            title: short(title),
            slug: short(slug_of(entry)),
            path: short(path_of(entry)),
        }
    }

    /// Whether two entries are alike in anything, so that they are worth a closer look.
    #[must_use]
    pub fn resembles(&self, other: &Self) -> bool {
        let same = |a: u32, b: u32| a != 0 && a == b;
        same(self.title, other.title)
            || same(self.slug, other.slug)
            || same(self.path, other.path)
            || matches!((self.text, other.text), (Some(a), Some(b)) if (a ^ b).count_ones() <= BITS_MAX)
    }
}

/// Whether two texts are near-duplicates: of their pieces of three words, seven in ten are in both.
pub(super) fn near(a: &str, b: &str) -> bool {
    let (a, b) = (pieces(a), pieces(b));
    if a.is_empty() || b.is_empty() {
        return false;
    }
    let common = a.intersection(&b).count();
    #[expect(clippy::cast_precision_loss, reason = "a text has fewer pieces than 2^52")]
    let share = common as f64 / (a.len() + b.len() - common) as f64;
    share >= NEAR
}

/// The pieces of a text in its normal form, as hashes.
fn pieces(normal: &str) -> HashSet<u64> {
    let end = normal.char_indices().nth(COMPARED).map_or(normal.len(), |(at, _)| at);
    let normal = &normal[..end];
    let words: Vec<&str> = normal.split(' ').filter(|word| !word.is_empty()).collect();
    if words.len() >= WORDS_MIN {
        return words.windows(SHINGLE).map(|words| hash(&words.join(" "))).collect();
    }
    let chars: Vec<char> = normal.chars().collect();
    chars.windows(CHARS).map(|chars| hash(&chars.iter().collect::<String>())).collect()
}

/// Charikar's simhash: each bit says what most pieces say of it.
fn simhash(normal: &str) -> u64 {
    let mut votes = [0i32; 64];
    for piece in pieces(normal) {
        for (bit, vote) in votes.iter_mut().enumerate() {
            *vote += if piece >> bit & 1 == 1 { 1 } else { -1 };
        }
    }
    votes.iter().enumerate().fold(0, |sum, (bit, vote)| sum | u64::from(*vote > 0) << bit)
}

/// FNV-1a with the last steps of splitmix64, so that every bit depends on every byte. It stays as it is:
/// sketches are kept.
fn hash(text: &str) -> u64 {
    let mut hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORY: &str = "The harbour was quiet that morning, and the gulls had not yet found the boats. \
        We walked along the wall to the old light, where the keeper used to sell bread and letters. \
        Nobody remembers when he left; the door is painted each spring all the same, and the brass \
        is polished by whoever has the time. That is how most things are kept alive here.";

    fn entry(text: &str) -> Entry {
        Entry { content: text.to_owned(), ..Entry::default() }
    }

    #[test]
    fn a_mended_sentence_leaves_a_text_what_it_was_and_another_story_is_another() {
        let mended = STORY.replace("the old light", "the old lighthouse");
        let other = "Bread needs time more than anything else. Flour and water find each other over \
            night, and in the morning the dough has a will of its own. Fold it, let it rest, fold it \
            again; the oven must be hotter than you dare. When the crust sings it is done, and you \
            should wait an hour before you cut it, which nobody does.";
        let [a, b, c] = [STORY, &mended, other].map(normal_form);
        assert!(near(&a, &b));
        assert!(!near(&a, &c));
        let [a, b, c] = [STORY, &mended, other].map(|text| Sketch::of(1, &entry(text)));
        assert!(a.resembles(&b), "{:?}", (a.text, b.text));
        assert!(!a.resembles(&c), "{:?}", (a.text, c.text));
    }

    #[test]
    fn a_text_without_spaces_is_compared_too() {
        let text: String = ('\u{4e00}'..'\u{4ef0}').collect();
        let mended = text.replacen('\u{4e50}', "\u{5b57}", 1);
        assert!(near(&text, &mended));
        let other: String = ('\u{6e00}'..'\u{6ef0}').collect();
        assert!(!near(&text, &other));
    }

    #[test]
    fn what_says_nothing_resembles_nothing() {
        let empty = Sketch::of(1, &Entry::default());
        assert!(!empty.resembles(&Sketch::of(2, &Entry::default())));
    }

    /// Sketches are kept in ledgers: a recipe that changes needs another version.
    #[test]
    fn a_sketch_is_made_as_it_always_was() {
        let entry = Entry {
            title: "On harbours".to_owned(),
            link: Some("https://example.org/2026/on-harbours".to_owned()),
            ..entry(STORY)
        };
        let sketch = Sketch::of(7, &entry);
        let text = serde_json::to_string(&sketch).expect("written");
        assert_eq!(text, VECTOR);
    }
    const VECTOR: &str =
        r#"{"n":7,"x":5800638659960661198,"t":3627133007,"s":3887476825,"p":2577882549}"#;
}
