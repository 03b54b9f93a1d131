//! Makes a text fit a platform's limit by shortening its prose; a link, a hashtag or a grapheme is
//! kept whole or left out whole, and links are never left out.

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};
use url::{Host, Url};

use super::text::{ELLIPSIS, floor, graphemes};
use super::{link, tag};

/// How a platform counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// What a reader would count as one character.
    Graphemes,
    /// UTF-8 bytes.
    Bytes,
    /// Unicode code points.
    Characters,
    /// UTF-16 code units.
    Utf16,
    /// As X counts: an emoji, and each letter of most scripts, as two.
    /// <https://docs.x.com/fundamentals/counting-characters>
    Weighted,
    /// Code points, but emoji by their UTF-8 bytes, as Threads counts.
    /// <https://developers.facebook.com/docs/threads/posts>
    EmojiBytes,
}

impl Unit {
    /// The length of a text.
    fn of(self, text: &str) -> usize {
        match self {
            Self::Graphemes => graphemes(text),
            Self::Bytes => text.len(),
            Self::Characters => text.chars().count(),
            Self::Utf16 => text.encode_utf16().count(),
            Self::Weighted => text
                .graphemes(true)
                .map(|one| if is_emoji(one) { 2 } else { one.chars().map(weight).sum() })
                .sum(),
            Self::EmojiBytes => text
                .graphemes(true)
                .map(|one| if is_emoji(one) { one.len() } else { one.chars().count() })
                .sum(),
        }
    }
}

/// What X counts a character as: its configuration names the ranges that count as one.
const fn weight(c: char) -> usize {
    match c as u32 {
        0..=4351 | 8192..=8205 | 8208..=8223 | 8242..=8247 => 1,
        _ => 2,
    }
}

/// Whether a grapheme may be shown as an emoji; more than are, so that nothing is counted short.
fn is_emoji(grapheme: &str) -> bool {
    grapheme.chars().any(|c| {
        matches!(c, '\u{203c}' | '\u{2049}' | '\u{20e3}' | '\u{2122}' | '\u{2139}' | '\u{fe0f}')
            || matches!(
                c,
                '\u{2190}'..='\u{2bff}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}'
            )
            || matches!(c, '\u{1f000}'..='\u{1faff}')
    })
}

/// How long a post may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How it is counted.
    pub unit: Unit,
    /// The most, in that unit.
    pub max: usize,
    /// What any link counts as, where that does not depend on its length.
    pub url_length: Option<usize>,
    /// The most UTF-8 bytes, where that is a limit of its own.
    pub max_bytes: Option<usize>,
}

impl Limit {
    /// The length of a text as the platform counts it; never less than the platform would.
    #[must_use]
    pub fn measure(&self, text: &str) -> usize {
        let count = |part: &str| self.unit.of(part);
        let Some(url_length) = self.url_length else { return count(text) };
        let mut total = 0;
        let mut from = 0;
        for range in link::find(text) {
            let url = &text[range.clone()];
            total += count(&text[from..range.start]);
            total += if is_plain(url) { url_length } else { url_length.max(count(url)) };
            from = range.end;
        }
        total + count(&text[from..])
    }

    /// Whether a text may be posted as it is.
    #[must_use]
    pub fn admits(&self, text: &str) -> bool {
        self.max_bytes.is_none_or(|max| text.len() <= max) && self.measure(text) <= self.max
    }
}

/// A link that every server recognises. One that is not recognised, such as a bare host name or an
/// address, counts in full: twitter-text, which Mastodon counts with, wants a public suffix.
fn is_plain(link: &str) -> bool {
    link.is_ascii()
        && Url::parse(link).is_ok_and(|url| match url.host() {
            Some(Host::Domain(host)) => host.rsplit_once('.').is_some_and(|(_, last)| {
                last.len() > 1 && last.starts_with(|c: char| c.is_ascii_alphabetic())
            }),
            _ => false,
        })
}

/// A text that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    /// The text.
    pub text: String,
    /// Its length as the platform counts it.
    pub length: usize,
}

/// What cannot be left out is too long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its links alone are longer than the {max} {} that the platform takes", match unit {
    Unit::Bytes => "bytes",
    _ => "characters",
})]
pub struct TooLong {
    unit: Unit,
    max: usize,
}

/// The text, shortened as little as it takes: the longest run of prose first, from its end.
///
/// # Errors
/// [`TooLong`] where the links alone do not fit.
pub fn fit(text: &str, limit: &Limit) -> Result<Fitted, TooLong> {
    let mut runs = split(text.trim());
    loop {
        let text: String = runs.iter().map(|run| run.text.as_str()).collect();
        let text = text.trim();
        if limit.admits(text) {
            return Ok(Fitted { text: text.to_owned(), length: limit.measure(text) });
        }
        let longest = (0..runs.len())
            .filter(|at| !runs[*at].is_link && !runs[*at].text.trim().is_empty())
            .max_by_key(|at| graphemes(&runs[*at].text));
        match longest {
            Some(at) => shorten(&mut runs, at, limit),
            None if narrow_gaps(&mut runs) => {}
            None => return Err(TooLong { unit: limit.unit, max: limit.max }),
        }
    }
}

/// Leaves one character of each gap between links; false where there was no more.
fn narrow_gaps(runs: &mut [Run]) -> bool {
    let mut narrowed = false;
    for run in runs.iter_mut().filter(|run| !run.is_link && run.text.len() > 1) {
        run.text = if run.text.contains('\n') { "\n" } else { " " }.to_owned();
        narrowed = true;
    }
    narrowed
}

#[derive(Debug, Clone)]
struct Run {
    text: String,
    is_link: bool,
}

/// Links and the prose between them, all ending between graphemes.
fn split(text: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut push = |text: &str, is_link| {
        if !text.is_empty() {
            runs.push(Run { text: text.to_owned(), is_link });
        }
    };
    let mut from = 0;
    for range in link::find(text) {
        let mut start = range.start;
        while start > from && !is_boundary(text, start) {
            start = floor(text, start - 1);
        }
        push(&text[from..start], false);
        push(&text[start..range.end], true);
        from = range.end;
    }
    push(&text[from..], false);
    runs
}

/// Cuts one run of prose so that the whole fits, or empties it where even that is not enough.
fn shorten(runs: &mut [Run], at: usize, limit: &Limit) {
    let run = runs[at].text.clone();
    let body = run.trim();
    let lead = &run[..run.len() - run.trim_start().len()];
    let trail = &run[run.trim_end().len()..];
    let (first, last) = (at == 0, at + 1 == runs.len());
    let space_behind = if last || !trail.is_empty() { trail } else { " " };

    let mut room = room(runs, at, limit, lead.len() + space_behind.len());
    while room > 0 {
        let end = cut(body, room);
        if end == 0 {
            break;
        }
        let head = ended(&body[..end], &body[end..]);
        runs[at].text = format!("{lead}{head}{space_behind}");
        let text: String = runs.iter().map(|run| run.text.as_str()).collect();
        if limit.admits(text.trim()) {
            return;
        }
        room = end - 1;
    }
    let gap = [trail, lead].into_iter().find(|gap| !gap.is_empty()).unwrap_or(" ");
    runs[at].text = if first || last { String::new() } else { gap.to_owned() };
}

/// Up to which byte of a run its text may reach, at most, if everything else stays.
fn room(runs: &[Run], at: usize, limit: &Limit, gaps: usize) -> usize {
    let others: String = runs
        .iter()
        .enumerate()
        .filter(|(i, _)| *i != at)
        .map(|(_, run)| run.text.as_str())
        .collect();
    let bytes_max = limit.max_bytes.unwrap_or(usize::MAX);
    let bytes = bytes_max.saturating_sub(others.len() + gaps);
    let body = runs[at].text.trim();
    let units = match limit.unit {
        Unit::Bytes => limit.max.saturating_sub(others.len() + gaps),
        // The others joined count at least what they count apart, less one at each seam.
        unit => {
            let mut left =
                limit.max.saturating_sub(limit.measure(&others).saturating_sub(runs.len()));
            let beyond = body.grapheme_indices(true).find(|(_, grapheme)| {
                let length = unit.of(grapheme);
                let fits = length <= left;
                left = left.saturating_sub(length);
                !fits
            });
            beyond.map_or(body.len(), |(at, _)| at)
        }
    };
    floor(body, bytes.min(units).min(body.len().saturating_sub(1)))
}

/// The best place to cut at or before `room`: behind a word, or else between graphemes, and never
/// inside a hashtag.
fn cut(body: &str, room: usize) -> usize {
    let tags = tag::find(body);
    let outside = |at: usize| !tags.iter().any(|tag| tag.start < at && at < tag.end);
    let mut room = floor(body, room);
    while room > 0 && !is_boundary(body, room) {
        room = floor(body, room - 1);
    }
    // A cut that loses more than half of the room is worse than one inside a long word.
    let enough = |at: &usize| *at > room / 2;
    let at_end = body[room..].starts_with(char::is_whitespace).then_some(room);
    at_end
        .or_else(|| body[..room].rfind(char::is_whitespace).filter(enough))
        .or_else(|| {
            let bounds = body.split_word_bound_indices().map(|(at, _)| at);
            bounds
                .take_while(|at| *at <= room)
                .filter(|at| outside(*at) && is_boundary(body, *at))
                .last()
                .filter(enough)
        })
        .unwrap_or_else(|| {
            tags.iter().find(|tag| tag.start < room && room < tag.end).map_or(room, |tag| tag.start)
        })
}

/// The head of a run with an ellipsis, unless all that went was hashtags.
fn ended(head: &str, dropped: &str) -> String {
    let tags = tag::find(dropped);
    let mut prose = dropped.to_owned();
    for tag in tags.into_iter().rev() {
        prose.replace_range(tag, "");
    }
    let head = head.trim_end();
    if prose.trim().is_empty() {
        return head.to_owned();
    }
    let mut head = head.trim_end_matches([',', ';', ':', '-']).trim_end().to_owned();
    while !head.is_empty() {
        let whole = graphemes(&head) + 1;
        head.push(ELLIPSIS);
        if graphemes(&head) == whole {
            break;
        }
        // The last character would have joined with the ellipsis.
        head.pop();
        head.pop();
    }
    head
}

fn is_boundary(text: &str, at: usize) -> bool {
    GraphemeCursor::new(at, text.len(), true).is_boundary(text, 0).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BLUESKY: Limit =
        Limit { unit: Unit::Graphemes, max: 300, url_length: None, max_bytes: Some(3000) };

    const UNITS: [Unit; 6] = [
        Unit::Graphemes,
        Unit::Bytes,
        Unit::Characters,
        Unit::Utf16,
        Unit::Weighted,
        Unit::EmojiBytes,
    ];

    fn characters(max: usize) -> Limit {
        Limit { unit: Unit::Graphemes, max, url_length: None, max_bytes: None }
    }

    fn fitted(text: &str, max: usize) -> String {
        fit(text, &characters(max)).unwrap().text
    }

    #[test]
    fn a_long_title_gives_way_to_its_link() {
        let text = "A title that is rather long for this\n\nhttps://a.example/post\n\n#rust #web";
        assert_eq!(
            fitted(text, 60),
            "A title that is rather\u{2026}\n\nhttps://a.example/post\n\n#rust #web"
        );
        assert_eq!(fitted(text, 200), text);
        assert_eq!(fitted(text, 22), "https://a.example/post");
        assert!(fit(text, &characters(21)).is_err());
    }

    #[test]
    fn hashtags_go_whole_and_without_an_ellipsis() {
        let text = "Hi\n\nhttps://a.example/\n\n#alpha #beta #gamma";
        assert_eq!(fitted(text, 40), "Hi\n\nhttps://a.example/\n\n#alpha #beta");
    }

    #[test]
    fn half_a_hashtag_never_calls_other_readers() {
        let tag = "#\u{65e5}\u{672c}\u{8a9e}\u{30bf}\u{30b0}";
        for max in 1..12 {
            let short = fitted(&format!("ab cd {tag}"), max);
            assert!(!short.contains('#') || short.contains(tag), "{max}: {short}");
        }
    }

    #[test]
    fn a_letter_that_joins_with_a_link_goes_nowhere_without_it() {
        let text = "some words and \u{600}https://a.example/";
        for max in 18..33 {
            let short = fitted(text, max.max(graphemes("\u{600}https://a.example/")));
            assert!(short.ends_with("\u{600}https://a.example/"), "{max}: {short}");
        }
    }

    #[test]
    fn a_language_without_spaces_is_cut_between_its_words() {
        let text = "\u{4eca}\u{65e5}\u{306f}\u{826f}\u{3044}\u{5929}\u{6c17}\u{3067}\u{3059} https://a.example/";
        let short = fitted(text, 25);
        assert!(short.ends_with("\u{2026} https://a.example/"), "{short}");
        assert!(graphemes(&short) > 22, "{short}");
    }

    #[test]
    fn links_count_as_the_platform_counts_them() {
        let mastodon = Limit { url_length: Some(23), ..characters(500) };
        assert_eq!(mastodon.measure("a https://a.example/ b"), 27);
        let long = format!("https://a.example/{}", "x".repeat(600));
        assert_eq!(mastodon.measure(&long), 23);
        assert_eq!(mastodon.measure("http://127.0.0.1:8080/a-longer-path"), 35);
        assert_eq!(mastodon.measure("http://localhost/"), 23);
    }

    #[test]
    fn emoji_weigh_more_than_they_count() {
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}";
        let text = format!("{} https://a.example/", family.repeat(200));
        let short = fit(&text, &BLUESKY).unwrap();
        assert!(short.text.len() <= 3000 && short.text.ends_with(" https://a.example/"));
        assert!(short.text.len() > 2900, "{}", short.text.len());
    }

    #[test]
    fn each_platform_counts_in_its_own_way() {
        let text = "a\u{e9}\u{65e5}\u{1f600}";
        let counted: Vec<usize> = UNITS.iter().map(|unit| unit.of(text)).collect();
        assert_eq!(counted, [4, 10, 4, 5, 6, 7]);
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        let counted: Vec<usize> = UNITS.iter().map(|unit| unit.of(family)).collect();
        assert_eq!(counted, [1, 18, 5, 8, 2, 18]);
    }

    /// Some scripts join a letter with the space or comma behind it, which a cut takes away.
    fn ended(grapheme: &str) -> &str {
        grapheme.trim_end().trim_end_matches([',', ';', ':', '-'])
    }

    proptest! {
        #[test]
        fn nothing_is_cut_that_must_stay_whole(
            parts in proptest::collection::vec(prop_oneof![
                "\\PC{0,12}",
                "[a-z #,.\n]{0,30}",
                "( |\n|\\()https?://[a-z]{1,5}\\.example/[a-z)?.&=]{0,20}",
                " #[a-z\u{e9}]{1,8}",
                "[\u{300}\u{600}\u{1f1e6}\u{200d}\u{1f468}\r\n]{0,4}",
            ], 0..8),
            max in 0usize..90,
            max_bytes in proptest::option::of(0usize..200),
            unit in proptest::sample::select(&UNITS),
            url_length in proptest::option::of(Just(23usize)),
        ) {
            let text = parts.concat();
            let limit = Limit { unit, max, url_length, max_bytes };
            let links = |text: &str| -> Vec<String> {
                link::find(text).into_iter().map(|range| text[range].to_owned()).collect()
            };
            let Ok(fitted) = fit(&text, &limit) else {
                prop_assert!(!limit.admits(&links(&text).join(" ")), "its links would have fitted");
                return Ok(());
            };
            let short = &fitted.text;
            prop_assert!(limit.admits(short), "over the limit: {short:?}");
            prop_assert_eq!(fitted.length, limit.measure(short));
            prop_assert_eq!(links(short), links(&text), "{:?}", short);

            let mut whole = text.trim().graphemes(true);
            for grapheme in short.graphemes(true) {
                let ours = grapheme == "\u{2026}" || grapheme == " ";
                prop_assert!(
                    ours || whole.any(|of_text| ended(of_text) == ended(grapheme)),
                    "{grapheme:?} is no grapheme of the text"
                );
            }
            let tags = |text: &str| -> Vec<String> {
                tag::find(text).into_iter().map(|range| text[range].to_owned()).collect()
            };
            let mut whole = tags(&text).into_iter();
            for kept in tags(short) {
                prop_assert!(whole.any(|tag| tag == kept), "{kept:?} is no whole hashtag");
            }
        }
    }
}
