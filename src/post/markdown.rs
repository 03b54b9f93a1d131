//! Text of a feed where a platform reads markdown: it is shown as it stands, and formats, masks or calls
//! nothing. What the operator's template says around it stays markdown.

use super::link;
use super::text::ELLIPSIS;

/// What formats, masks a link or calls somebody wherever it stands.
const ANYWHERE: &[char] = &['\\', '*', '_', '~', '`', '|', '<', '>', '[', ']'];
/// What makes a heading, small print or a list at the start of a line.
const AT_START: &[char] = &['#', '-', '+'];
/// What may stand behind a link and is not taken into it, where the sentence ends there.
const ENDS: &[char] = &['.', ',', ':', ';'];

/// The text with all of its own markdown escaped, and its links as they are.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut from = 0;
    for range in link::find(text) {
        plain(&mut out, &text[from..range.start]);
        out.push_str(&text[range.clone()]);
        // An escape right behind a link would become part of it.
        let mut behind = text[range.end..].trim_start_matches(ENDS).chars();
        if behind.next().is_some_and(|c| !c.is_whitespace()) {
            out.push(' ');
        }
        from = range.end;
    }
    plain(&mut out, &text[from..]);
    out
}

fn plain(out: &mut String, text: &str) {
    let mut at_start = out.rsplit('\n').next().is_none_or(|line| line.trim().is_empty());
    for c in text.chars() {
        if at_start && AT_START.contains(&c) || ANYWHERE.contains(&c) {
            out.push('\\');
        }
        out.push(c);
        at_start = c == '\n' || at_start && c.is_whitespace();
    }
}

/// A text that was cut, without the half of an escape that the cut may have left.
#[must_use]
pub fn mended(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, part) in text.split(ELLIPSIS).enumerate() {
        if at > 0 {
            let escapes = out.chars().rev().take_while(|c| *c == '\\').count();
            if escapes % 2 == 1 {
                out.pop();
            }
            out.push(ELLIPSIS);
        }
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_formats_nothing_and_masks_no_link() {
        assert_eq!(escape("*a* _b_ ~~c~~ `d` ||e||"), r"\*a\* \_b\_ \~\~c\~\~ \`d\` \|\|e\|\|");
        assert_eq!(
            escape("[bank](https://evil.example/a_b)"),
            r"\[bank\](https://evil.example/a_b )"
        );
        assert_eq!(escape("<@1> <@&2> <#3> <:x:4>"), r"\<@1\> \<@&2\> \<#3\> \<:x:4\>");
        assert_eq!(escape("# one\n- two\n -# 3 - 4 #5"), "\\# one\n\\- two\n \\-# 3 - 4 #5");
    }

    #[test]
    fn a_link_stays_whole_and_ends_where_it_ended() {
        assert_eq!(escape("https://a.example/_b_*c"), "https://a.example/_b_*c");
        assert_eq!(escape("see https://a.example/. So"), "see https://a.example/. So");
        assert_eq!(escape("<https://a.example/>"), r"\<https://a.example/ \>");
    }

    #[test]
    fn a_cut_leaves_no_half_escape() {
        assert_eq!(mended("a\\\u{2026} b"), "a\u{2026} b");
        assert_eq!(mended("a\\\\\u{2026}"), "a\\\\\u{2026}");
    }
}
