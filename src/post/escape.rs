//! A plain text in the markup of a platform: what would mean something there is escaped, links stay links,
//! and nothing in a feed can format, hide where a link leads, or call anybody.

use super::link;

/// Not shown; parts what would mean something together.
const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// The text as Slack's `mrkdwn`: its three control characters are escaped, which is all that can call
/// or hide there. <https://docs.slack.dev/messaging/formatting-message-text>
#[must_use]
pub fn slack(text: &str) -> String {
    with_links(text, escape_slack, |out, url| {
        out.push('<');
        // A bar would begin another text for the link.
        escape_slack(out, &url.replace('|', "%7C"));
        out.push('>');
    })
}

/// The text as Markdown, with a backslash before what would mean something. dev.to reads Liquid first,
/// so its two openings are parted.
#[must_use]
pub fn markdown(text: &str) -> String {
    with_links(text, escape_markdown, |out, url| {
        if url.contains(['*', '_', '~', '`', '[', ']', '(', ')', '\\']) {
            out.extend(["<", url, ">"]);
        } else {
            out.push_str(url);
        }
    })
}

/// The text as Zulip's Markdown, which knows no backslash: the places where a link could get another
/// text, and where code or a mention begins, are parted.
#[must_use]
pub fn zulip(text: &str) -> String {
    with_links(
        text,
        |out, prose| {
            for c in prose.chars() {
                out.push(c);
                if matches!(c, '[' | ']' | '`' | '@' | '#' | '*' | '~' | '|') {
                    out.push(ZERO_WIDTH_SPACE);
                }
            }
        },
        |out, url| out.push_str(url),
    )
}

/// The text as LinkedIn's little text: each reserved character has a backslash, in links too, since one
/// that has none ends the post there.
/// <https://learn.microsoft.com/linkedin/marketing/community-management/shares/little-text-format>
#[must_use]
pub fn little_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    for c in text.chars() {
        if "\\|{}@[]()<>#*_~".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn with_links(
    text: &str,
    prose: impl Fn(&mut String, &str),
    link: impl Fn(&mut String, &str),
) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut from = 0;
    for range in link::find(text) {
        prose(&mut out, &text[from..range.start]);
        link(&mut out, &text[range.clone()]);
        from = range.end;
    }
    prose(&mut out, &text[from..]);
    out
}

fn escape_slack(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            _ => out.push(c),
        }
    }
}

fn escape_markdown(out: &mut String, text: &str) {
    let mut before = None;
    // Whether only digits and spaces stand on this line so far: there a list or a heading could begin.
    let mut at_start = out.is_empty() || out.ends_with('\n');
    let mut after_digit = false;
    for c in text.chars() {
        let opens_block = at_start
            && (matches!(c, '-' | '+' | '=' | ':') || (after_digit && matches!(c, '.' | ')')));
        match c {
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '<' | '>' | '#' | '|' | '~' | '!'
            | '$' => {
                out.extend(['\\', c]);
            }
            '{' | '%' if before == Some('{') => out.extend([ZERO_WIDTH_SPACE, c]),
            _ if opens_block => out.extend(['\\', c]),
            _ => out.push(c),
        }
        at_start = c == '\n' || (at_start && (c.is_ascii_digit() || c == ' '));
        after_digit = c.is_ascii_digit();
        before = Some(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_with_markup_stays_text() {
        assert_eq!(
            markdown("# [a](http://b.example) *c* {% d %}\n1. e\n- f &lt;\nhttps://a.example/a_b"),
            "\\# \\[a\\]\\(http://b.example\\) \\*c\\* {\u{200b}% d %}\n1\\. e\n\\- f &amp;lt;\n\
             <https://a.example/a_b>"
        );
        assert_eq!(markdown("https://a.example/b"), "https://a.example/b");
    }

    #[test]
    fn no_feed_calls_a_whole_channel() {
        assert_eq!(
            slack("<!channel> <@U1> a & b https://a.example/?a=1&b=2|x"),
            "&lt;!channel&gt; &lt;@U1&gt; a &amp; b <https://a.example/?a=1&amp;b=2>|x"
        );
        assert_eq!(
            zulip("@**all** [a](http://b.example)"),
            "@\u{200b}*\u{200b}*\u{200b}all*\u{200b}*\u{200b} [\u{200b}a]\u{200b}(http://b.example)"
        );
        assert_eq!(
            little_text("@[Ann](urn:li:person:1) #tag (a_b) https://a.example/a_b"),
            "\\@\\[Ann\\]\\(urn:li:person:1\\) \\#tag \\(a\\_b\\) https://a.example/a\\_b"
        );
    }
}
