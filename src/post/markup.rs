//! Plain text as the little HTML that platforms take: escaped, every link clickable, nothing else.

use super::link;

/// The text as running HTML, with line breaks.
#[must_use]
pub fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut from = 0;
    for range in link::find(text) {
        escape(&mut out, &text[from..range.start]);
        out.push_str("<a href=\"");
        escape(&mut out, &text[range.clone()]);
        out.push_str("\">");
        escape(&mut out, &text[range.clone()]);
        out.push_str("</a>");
        from = range.end;
    }
    escape(&mut out, &text[from..]);
    out
}

/// The text as paragraphs, apart where it has an empty line.
#[must_use]
pub fn paragraphs(text: &str) -> String {
    let parts = text.split("\n\n").map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| format!("<p>{}</p>\n", inline(part))).collect::<String>().trim_end().to_owned()
}

/// A title, which is one line without links.
#[must_use]
pub fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape(&mut out, text);
    out
}

/// A picture, with what it shows.
#[must_use]
pub fn image(address: &str, alt: &str) -> String {
    format!("<img src=\"{}\" alt=\"{}\">", title(address), title(alt))
}

fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push_str("<br>"),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_with_markup_stays_text() {
        assert_eq!(
            inline("<b>\"x\"</b>\n\nhttps://a.example/?a=1&b='2'."),
            "&lt;b&gt;&quot;x&quot;&lt;/b&gt;<br><br><a href=\"https://a.example/?a=1&amp;b=&#39;2\">\
             https://a.example/?a=1&amp;b=&#39;2</a>&#39;."
        );
        assert_eq!(title("Tea & <milk>"), "Tea &amp; &lt;milk&gt;");
    }

    #[test]
    fn paragraphs_stay_apart() {
        assert_eq!(paragraphs("a\nb\n\n\n\nc < d\n"), "<p>a<br>b</p>\n<p>c &lt; d</p>");
    }
}
