//! Making a text fit, by each platform's own count, without ever cutting a link or a grapheme.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use super::text::cut_at_word;

/// How long a post may be, and how its length is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The most graphemes.
    pub graphemes: usize,
    /// The most bytes of UTF-8.
    pub bytes: usize,
    /// What a link counts, in graphemes, however long it is; `None` where it counts as it stands.
    pub link: Option<usize>,
}

/// Where the web addresses of a text stand, as ranges of bytes.
#[must_use]
pub fn links(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("http").map(|at| from + at) {
        let rest = &text[at..];
        let scheme = ["https://", "http://"].into_iter().find(|s| rest.starts_with(s));
        let fresh = !text[..at].ends_with(|c: char| c.is_alphanumeric());
        let Some(scheme) = scheme.filter(|_| fresh) else {
            from = at + 4;
            continue;
        };
        let stop = rest
            .find(|c: char| c.is_whitespace() || c.is_control() || "<>\"".contains(c))
            .unwrap_or(rest.len());
        let link = trim_link(&rest[..stop]);
        if link.len() > scheme.len() {
            found.push(at..at + link.len());
        }
        from = at + stop.max(4);
    }
    found
}

/// A link without the punctuation of the sentence around it; a closing bracket belongs to a link that
/// has an opening one.
fn trim_link(mut link: &str) -> &str {
    loop {
        let Some(last) = link.chars().last() else { return link };
        let drop = match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '\u{2026}' => true,
            ')' => link.matches(')').count() > link.matches('(').count(),
            ']' => link.matches(']').count() > link.matches('[').count(),
            _ => false,
        };
        if !drop {
            return link;
        }
        link = &link[..link.len() - last.len_utf8()];
    }
}

/// The length of a text as the platform counts it, in graphemes.
#[must_use]
pub fn length(text: &str, limit: &Limit) -> usize {
    let Some(link) = limit.link else { return text.graphemes(true).count() };
    let mut count = 0;
    let mut from = 0;
    for range in links(text) {
        count += text[from..range.start].graphemes(true).count() + link;
        from = range.end;
    }
    count + text[from..].graphemes(true).count()
}

fn fits(text: &str, limit: &Limit) -> bool {
    text.len() <= limit.bytes && length(text, limit) <= limit.graphemes
}

/// The text, shortened where it must be: the longest stretch without a link loses words from its end,
/// then the next longest. Links, and the graphemes of everything else, stay whole. `None` where the
/// links alone are too long.
#[must_use]
pub fn fit(text: &str, limit: &Limit) -> Option<String> {
    let mut text = text.trim().to_owned();
    // Each round empties at least one stretch, and there is one more of them than links.
    for _ in 0..=links(&text).len() + 1 {
        if fits(&text, limit) {
            return Some(text);
        }
        let (range, prose) = longest_prose(&text)?;
        let count = prose.graphemes(true).count();
        // The most graphemes that this stretch may keep; found by halving, since bytes and graphemes
        // do not go together.
        let with = |keep: usize| {
            let cut = if keep == 0 { String::new() } else { cut_at_word(prose, keep) };
            let mut whole = text.clone();
            whole.replace_range(range.clone(), &cut);
            whole.trim().to_owned()
        };
        let (mut low, mut high) = (0, count);
        while low + 1 < high {
            let middle = usize::midpoint(low, high);
            if fits(&with(middle), limit) {
                low = middle;
            } else {
                high = middle;
            }
        }
        text = with(low);
    }
    fits(&text, limit).then_some(text)
}

/// The longest stretch of words between links, without the white space around it.
fn longest_prose(text: &str) -> Option<(Range<usize>, &str)> {
    let mut stretches = Vec::new();
    let mut from = 0;
    for range in links(text).into_iter().chain(std::iter::once(text.len()..text.len())) {
        let whole = &text[from..range.start];
        let lead = whole.len() - whole.trim_start().len();
        let prose = whole.trim();
        if !prose.is_empty() {
            stretches.push((from + lead..from + lead + prose.len(), prose));
        }
        from = range.end;
    }
    stretches.into_iter().max_by_key(|(_, prose)| prose.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BLUESKY: Limit = Limit { graphemes: 300, bytes: 3_000, link: None };
    const MASTODON: Limit = Limit { graphemes: 500, bytes: usize::MAX, link: Some(23) };

    #[test]
    fn links_are_found_without_the_sentence_around_them() {
        let text = "See (https://a.example/x_(y)), http://b.example. Not xhttp://c or https://.";
        let found: Vec<&str> = links(text).into_iter().map(|r| &text[r]).collect();
        assert_eq!(found, ["https://a.example/x_(y)", "http://b.example"]);
    }

    #[test]
    fn a_link_counts_what_the_platform_says() {
        let text = "a https://a.example/a/very/long/path/that/goes/on b";
        assert_eq!(length(text, &MASTODON), 1 + 1 + 23 + 1 + 1);
        assert_eq!(length(text, &BLUESKY), text.len());
    }

    #[test]
    fn a_long_title_is_cut_and_its_link_is_not() {
        let link = "https://blog.example/2026/01/02/a-rather-long-slug/";
        let text = format!("{}\n\n{link}", "Words and words ".repeat(40).trim_end());
        let fitted = fit(&text, &BLUESKY).expect("there is room for the link");
        assert!(fitted.ends_with(&format!("\u{2026}\n\n{link}")), "{fitted}");
        assert!(fits(&fitted, &BLUESKY));
        assert!(length(&fitted, &BLUESKY) > 280, "it uses the room it has");
        let tight = Limit { graphemes: 20, bytes: 3_000, link: None };
        assert_eq!(fit(&text, &tight), None, "half a link is no link");
    }

    proptest! {
        #[test]
        fn never_too_long_and_never_a_broken_link(
            before in "\\PC{0,120}",
            after in "\\PC{0,120}",
            max in 10usize..200,
            counts in prop::option::of(5usize..30),
        ) {
            let link = "https://blog.example/a/path";
            let text = format!("{before} {link} {after}");
            let limit = Limit { graphemes: max, bytes: max * 3, link: counts };
            if let Some(fitted) = fit(&text, &limit) {
                prop_assert!(fits(&fitted, &limit));
                for range in links(&fitted) {
                    let found = &fitted[range];
                    prop_assert!(links(&text).into_iter().any(|r| &text[r] == found), "{found}");
                }
                prop_assert!(fitted.contains(link), "{fitted}");
            }
        }
    }
}
