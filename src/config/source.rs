//! The text of a config file: where a place in it is, and how much of a line may be shown.
//!
//! A line is shown whole only where its table and key are known to hold no secret; all else is cut
//! down to its key. It is decided from the text alone, so a file that does not parse is safe too.

use std::ops::Range;
use std::path::Path;

use super::keys;

/// A longer line would only wrap.
const LINE_MAX: usize = 120;
/// Stands for what is not shown.
const CUT: &str = "...";

/// A config file's name and text.
pub(super) struct Source<'a> {
    pub(super) file: &'a Path,
    text: &'a str,
    /// The offset at which each line starts.
    starts: Vec<usize>,
}

/// A line as it may be shown, and what to underline in it, in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) text: String,
    pub(super) start: usize,
    pub(super) width: usize,
}

impl<'a> Source<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        Self { file, text, starts: starts.collect() }
    }

    /// The offset at which the file ends, but for empty lines.
    pub(super) const fn end(&self) -> usize {
        self.text.trim_ascii_end().len()
    }

    /// Line and column of an offset, both from 1, the column in characters.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let before = self.text.get(self.starts[line - 1]..offset).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    /// The text of a line, counted from 1.
    fn line(&self, line: usize) -> &'a str {
        let start = self.starts[line - 1];
        let end = self.starts.get(line).map_or(self.text.len(), |next| next - 1);
        self.text.get(start..end).unwrap_or_default().trim_end_matches('\r')
    }

    /// The name of the table that a line stands in, after the headers above it; empty where a line
    /// between is no key with its value, and so may be a header that was spoilt.
    fn section(&self, line: usize) -> &'a str {
        for above in (1..line).rev().map(|above| self.line(above)) {
            if let Some(name) = header(above) {
                return name;
            }
            let above = above.trim();
            if !above.is_empty() && !above.starts_with('#') && leading_key(above).is_none() {
                break;
            }
        }
        ""
    }

    /// The key of the line at `span`, with its table, as far as both are ours.
    pub(super) fn title(&self, span: &Range<usize>) -> Option<String> {
        let line = self.position(span.start).0;
        let key = leading_key(self.line(line)).filter(|key| keys::is_known(key))?;
        let table = keys::header(self.section(line));
        Some(table.map_or_else(|| key.to_owned(), |table| format!("{key} of {table}")))
    }

    /// What of the line at `span` may be shown. `named` is a key that the message names anyway.
    pub(super) fn excerpt(&self, span: &Range<usize>, named: Option<&str>) -> Option<Excerpt> {
        let (line, column) = self.position(span.start);
        let text = self.line(line);
        let key = leading_key(text);
        let shown = match key {
            None if header(text)
                .is_some_and(|name| keys::is_table(name) || named == Some(name)) =>
            {
                text.split('#').next().unwrap_or_default().trim_end().to_owned()
            }
            // A second `=` may be a second key, run into this line.
            Some(key)
                if keys::is_harmless(self.section(line), key) && text.matches('=').count() == 1 =>
            {
                text.to_owned()
            }
            Some(key) if keys::is_known(key) || named == Some(key) => {
                let indent = &text[..text.len() - text.trim_start().len()];
                format!("{indent}{key} = {CUT}")
            }
            _ => return None,
        };
        let shown: String =
            shown.chars().take(LINE_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let length = shown.chars().count();
        let (start, width) = if shown.ends_with(CUT) {
            let start = shown.chars().take_while(|c| *c == ' ').count();
            (start, key.map_or(1, |key| key.chars().count()))
        } else {
            let covered = self.text.get(span.clone()).unwrap_or_default();
            (column - 1, covered.lines().next().unwrap_or_default().chars().count())
        };
        let start = start.min(length);
        let width = width.clamp(1, (length - start).max(1));
        Some(Excerpt { text: shown, start, width })
    }
}

/// The table's name, where a line is its header and certainly nothing else.
fn header(line: &str) -> Option<&str> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let name = line.strip_prefix("[[").or_else(|| line.strip_prefix('['))?;
    let name = name.strip_suffix("]]").or_else(|| name.strip_suffix(']')).unwrap_or(name).trim();
    (!name.is_empty() && name.bytes().all(is_bare)).then_some(name)
}

/// The bare key that a line starts with, before its `=`.
fn leading_key(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    let key = key.trim();
    (!key.is_empty() && key.bytes().all(is_bare)).then_some(key)
}

const fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, at: &str) -> Option<String> {
        let source = Source::new(Path::new("x.toml"), text);
        let start = text.find(at).unwrap();
        source.excerpt(&(start..start + at.len()), None).map(|excerpt| excerpt.text)
    }

    #[test]
    fn a_line_that_may_hold_a_secret_is_cut_down_to_its_key() {
        let text = "[[integration]]\ntoken = \"hunter2\"\nhunter2\n  url=\"https://a:hunter2@b\"";
        assert_eq!(shown(text, "token").as_deref(), Some("token = ..."));
        assert_eq!(shown(text, "hunter2\n"), None);
        assert_eq!(shown(text, "https").as_deref(), Some("  url = ..."));
    }

    #[test]
    fn a_secret_in_the_wrong_table_is_not_shown_either() {
        for table in ["[guard]", "[[feed]]", "[[group]]", "[[groups]]", ""] {
            let text = format!("{table}\ntoken = \"hunter2\"");
            assert_eq!(shown(&text, "token").as_deref(), Some("token = ..."), "{table}");
            let text = format!("{table}\nmy-own = \"hunter2\"");
            assert_eq!(shown(&text, "my-own"), None, "{table}");
        }
        assert_eq!(shown("token = \"hunter2\"", "hunter2").as_deref(), Some("token = ..."));
        assert_eq!(shown("x = [\nhunter2=\n]", "hunter2"), None);
        assert_eq!(shown("x = [\n[ \"hunter2\" ]\n]", "hunter2"), None);
    }

    #[test]
    fn a_harmless_line_is_shown_whole() {
        assert_eq!(shown("[guard]\r\nburst = 0\r\n", "0").as_deref(), Some("burst = 0"));
        assert_eq!(shown("[guard] # x\nburst = 0", "guard").as_deref(), Some("[guard]"));
        assert_eq!(shown("[guard] # x\nburst = 0", "0").as_deref(), Some("burst = 0"));
        assert_eq!(shown("[hunter2]\nburst = 0", "hunter2"), None);
    }

    #[test]
    fn a_table_whose_header_is_spoilt_is_not_taken_for_the_one_above() {
        let spoilt = "[[group]]\nname = \"a\"\n[[integration\"\nname = \"b\" hunter2";
        assert_eq!(shown(spoilt, "hunter2").as_deref(), Some("name = ..."));
        let joined = "[[group]]\nname = \"b\"token = \"hunter2\"";
        assert_eq!(shown(joined, "hunter2").as_deref(), Some("name = ..."));
    }

    #[test]
    fn positions_count_characters_from_one() {
        let source = Source::new(Path::new("x.toml"), "a\n\u{e4}b = 1\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(2), (2, 1));
        assert_eq!(source.position(4), (2, 2));
        assert_eq!(source.position(999), (3, 1));
        assert_eq!(Source::new(Path::new("x"), "").position(0), (1, 1));
    }
}
