//! The record as one HTML page that a person can send to a platform: what was posted, how often, what is
//! in doubt or was repeated by hand and why, and how to check it. No scripts, nothing from elsewhere; all
//! that others have written is escaped.

use std::fmt;
use std::io::Write;

use crate::ledger::embedded::Frozen;
use crate::ledger::evidence::{Fate, Header, Post};
use crate::model::{How, Status};

use super::export::Stop;

const STYLE: &str = include_str!("dossier.css");
const CHECK: &str = include_str!("check.py");
/// How many that need a word of explanation are listed before the posts; all of them stand there too.
const TOLD_MAX: usize = 50;
/// The longest title that is shown, in characters.
const TITLE_MAX: usize = 300;

/// Writes the page: once over all posts for what is said first, once more for the posts themselves.
pub(super) fn write(
    frozen: &Frozen,
    header: &Header,
    only: Option<u64>,
    progress: &dyn Fn(u64, u64),
    mut to: impl Write,
) -> Result<(), Stop> {
    let mut sum = Summary::default();
    frozen.posts(only, &|_, _| {}, |post| {
        sum.add(&post);
        Ok::<_, Stop>(())
    })?;
    opening(&mut to, header, &sum)?;
    writeln!(to, "<h2>Post by post</h2>")?;
    if sum.posts == 0 {
        writeln!(to, "<p>Nothing has been posted yet.</p>")?;
    }
    frozen.posts(
        only,
        progress,
        |post| {
            if told(&post) { article(&mut to, &post) } else { Ok(()) }
        },
    )?;
    proof(&mut to, header)?;
    to.flush()?;
    Ok(())
}

/// Whether a post stands in the list: what was there before oncecast came was never its business.
fn told(post: &Post) -> bool {
    post.deliveries.iter().any(|fate| !matches!(fate.status, Status::Baseline))
}

/// What is said first.
#[derive(Debug, Default)]
struct Summary {
    posts: u64,
    older: u64,
    groups: std::collections::BTreeSet<String>,
    published: u64,
    waiting: u64,
    held: u64,
    refused: u64,
    withdrawn: u64,
    doubt: u64,
    /// A post that a group may have had more than once.
    repeated: u64,
    /// What needs a word of explanation.
    explained: Vec<String>,
}

impl Summary {
    fn add(&mut self, post: &Post) {
        if !told(post) {
            self.older += 1;
            return;
        }
        self.posts += 1;
        for (at, fate) in post.deliveries.iter().enumerate() {
            let title = title_of(post);
            let group = Text(&fate.group);
            match &fate.status {
                Status::Baseline => continue,
                Status::Published { .. } => self.published += 1,
                Status::Due { .. } | Status::Claimed { .. } => self.waiting += 1,
                Status::Held { .. } => self.held += 1,
                Status::Refused { .. } => self.refused += 1,
                Status::Withdrawn { .. } => self.withdrawn += 1,
                Status::InDoubt { evidence, .. } => {
                    self.doubt += 1;
                    let evidence = Text(evidence);
                    self.explain(format!(
                        "In doubt: <bdi>{title}</bdi> in <bdi>{group}</bdi>: {evidence}."
                    ));
                }
            }
            self.groups.insert(fate.group.clone());
            let before = post.deliveries[..at]
                .iter()
                .any(|earlier| earlier.group == fate.group && earlier.status.may_have_been_seen());
            if before && fate.status.may_have_been_seen() {
                self.repeated += 1;
                let why = fate.by_hand.as_deref().unwrap_or("no reason was kept");
                let why = Text(why);
                self.explain(format!(
                    "Sent again by hand: <bdi>{title}</bdi> in <bdi>{group}</bdi>, by {why}."
                ));
            }
        }
    }

    fn explain(&mut self, words: String) {
        if self.explained.len() < TOLD_MAX {
            self.explained.push(words);
        }
    }
}

fn opening(to: &mut impl Write, header: &Header, sum: &Summary) -> Result<(), Stop> {
    writeln!(
        to,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>The record of what was posted</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>The record of what was posted</h1>\n\
         <p class=\"soft\">Ledger {}, written {} by oncecast {}.</p>",
        header.ledger,
        header.exported,
        Text(&header.oncecast)
    )?;
    let (posts, groups) = (count(sum.posts, "post"), count(sum.groups.len() as u64, "group"));
    let times = count(sum.published, "time");
    let once = if sum.repeated == 0 {
        "No group was given the same post twice.".to_owned()
    } else {
        let s = count(sum.repeated, "time");
        format!(
            "No group was given the same post twice, except {s} by the hand of a person, with the \
             reasons below."
        )
    };
    let once = if sum.published == 0 { String::new() } else { once };
    writeln!(
        to,
        "<p class=\"lead\">{posts} for {groups}: posted {times}. <strong>{once}</strong></p>"
    )?;
    let mut told = Vec::new();
    let doubted = "nobody knows whether it arrived, and it is not sent again unless somebody has looked \
                   or the platform cannot show it twice";
    for (number, words) in [
        (sum.doubt, format!("in doubt: {doubted}.")),
        (sum.waiting, "still to be sent.".to_owned()),
        (sum.held, "held back until a person decides.".to_owned()),
        (sum.refused, "refused by the platform: nothing was shown.".to_owned()),
        (sum.withdrawn, "withdrawn before it was sent.".to_owned()),
    ] {
        if number > 0 {
            told.push(format!("{number} {words}"));
        }
    }
    if sum.older > 0 {
        let older = count(sum.older, "older post");
        let were = if sum.older == 1 { "was" } else { "were" };
        told.push(format!("{older} {were} there before oncecast was, and never sent by it."));
    }
    list(to, &told)?;
    if !sum.explained.is_empty() {
        writeln!(to, "<h2>What needs a word</h2>")?;
        let mut told = sum.explained.clone();
        let all = sum.doubt + sum.repeated;
        let more = all.saturating_sub(sum.explained.len() as u64);
        if more > 0 {
            told.push(format!("And {more} more, which stand with their posts."));
        }
        list(to, &told)?;
    }
    Ok(())
}

/// A list of what is markup already.
fn list(to: &mut impl Write, told: &[String]) -> Result<(), Stop> {
    if told.is_empty() {
        return Ok(());
    }
    writeln!(to, "<ul>")?;
    for words in told {
        writeln!(to, "<li>{words}</li>")?;
    }
    writeln!(to, "</ul>")?;
    Ok(())
}

fn article(to: &mut impl Write, post: &Post) -> Result<(), Stop> {
    writeln!(to, "<article>\n<h3><bdi>{}</bdi></h3>", title_of(post))?;
    write!(to, "<small>")?;
    if let Some(link) = &post.entry.link {
        write!(to, "{} &middot; ", Link(link))?;
    }
    writeln!(
        to,
        "seen {} in <bdi>{}</bdi> &middot; {}</small>\n<table>",
        post.first_seen,
        Text(&post.feed),
        post.id.short()
    )?;
    for fate in &post.deliveries {
        if !matches!(fate.status, Status::Baseline) {
            row(to, fate)?;
        }
    }
    writeln!(to, "</table>\n</article>")?;
    Ok(())
}

fn row(to: &mut impl Write, fate: &Fate) -> Result<(), Stop> {
    let (tone, when) = match &fate.status {
        Status::Published { receipt } => ("good", receipt.at),
        Status::InDoubt { .. } | Status::Refused { .. } => ("bad", fate.since),
        _ => ("wait", fate.since),
    };
    let word = match &fate.status {
        Status::Published { .. } => "posted",
        Status::Due { .. } => "to be sent",
        Status::Claimed { .. } => "being sent",
        status => status.kind().word(),
    };
    write!(
        to,
        "<tr><th scope=\"row\"><bdi>{}</bdi></th><td class=\"when\">{when}</td>\
         <td><b class=\"{tone}\">{word}</b>",
        Text(&fate.group)
    )?;
    match &fate.status {
        Status::Published { receipt } => {
            match (&receipt.reference.url, &receipt.reference.id) {
                (Some(url), _) => write!(to, " {}", Link(url))?,
                (None, Some(id)) => write!(to, " as <bdi>{}</bdi>", Text(id))?,
                (None, None) => {}
            }
            match (receipt.how, fate.http) {
                (How::Answered, Some(http)) => write!(to, "; the platform answered {http}")?,
                (How::Answered, None) => write!(to, "; the platform said so")?,
                (How::Asked, _) => write!(to, "; found there when asked")?,
                (How::Elsewhere, _) => write!(to, "; posted there by another hand")?,
                (How::Adopted, _) => write!(to, "; it stood there when the account was read")?,
                (How::Person, _) => write!(to, "; a person saw it there")?,
            }
            if receipt.reference.already {
                write!(to, "; it was there before that call")?;
            }
        }
        Status::Refused { reason } => write!(to, ": {}", Text(reason))?,
        Status::InDoubt { evidence, .. } => write!(to, ": {}", Text(evidence))?,
        Status::Held { reason } => write!(to, ": {}", Text(&reason.to_string()))?,
        Status::Withdrawn { reason } => write!(to, ": {}", Text(&reason.to_string()))?,
        Status::Due { .. } | Status::Claimed { .. } | Status::Baseline => {}
    }
    if fate.imported {
        write!(to, "; as the record of an earlier ledger tells, which the first line names")?;
    }
    if fate.claims > 1 {
        write!(to, "; {} attempts under one key", fate.claims)?;
    }
    if let Some(why) = &fate.by_hand {
        write!(to, "<br>Sent by hand, by {}", Text(why))?;
    }
    if let Some(digest) = &fate.digest {
        write!(to, "<br><small>request sha256:{}</small>", Text(digest))?;
    }
    writeln!(to, "</td></tr>")?;
    Ok(())
}

fn proof(to: &mut impl Write, header: &Header) -> Result<(), Stop> {
    writeln!(
        to,
        "<h2>The proof</h2>\n\
         <p>Before and after each attempt oncecast writes a line into a journal. Each line holds the \
         SHA-256 of all before it, so none can be changed, dropped or slipped in later without \
         changing every hash that follows, up to the head.</p>\n<dl>\n\
         <dt>Ledger</dt><dd><code>{}</code></dd>\n\
         <dt>Begun</dt><dd>{}</dd>\n\
         <dt>Written</dt><dd>{}</dd>\n\
         <dt>Journal</dt><dd>{}</dd>\n\
         <dt>Head</dt><dd><code>{}</code></dd>\n</dl>\n\
         <h2>How to check it</h2>\n<ol>\n\
         <li>Open some of the links above, and look at the account for a post that is there twice.</li>\n\
         <li>Ask for the whole record as a file: <code>oncecast ledger export --output \
         record.jsonl</code>.</li>\n\
         <li>Save the lines below as <code>check.py</code> and run <code>python3 check.py &lt; \
         record.jsonl</code>. It makes the chain anew, with nothing of oncecast's, and ends with the \
         head: the one above, or a later one if lines were added since.</li>\n\
         <li>A head that was sent to somebody else earlier can be looked for in the record: it is the \
         hash of one of its lines, or the record was rewritten.</li>\n</ol>\n\
         <pre>{}</pre>\n</body>\n</html>",
        header.ledger,
        header.made,
        header.exported,
        count(header.lines, "line"),
        Text(&header.head),
        Text(CHECK)
    )?;
    Ok(())
}

fn title_of(post: &Post) -> String {
    let title = post.entry.title.trim();
    if title.is_empty() {
        return "(without a title)".to_owned();
    }
    let mut short: String = title.chars().take(TITLE_MAX).collect();
    if short.len() < title.len() {
        short.push_str("...");
    }
    Text(&short).to_string()
}

fn count(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}

/// Text of others, as it stands in a page: nothing of it is markup.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(c)?,
                c if c.is_control() => f.write_char(' ')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// An address of others: a link where it is one of the web, else text.
struct Link<'a>(&'a str);

impl fmt::Display for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Text(self.0);
        if self.0.starts_with("https://") || self.0.starts_with("http://") {
            write!(f, "<a href=\"{text}\" rel=\"noreferrer\"><bdi>{text}</bdi></a>")
        } else {
            write!(f, "<bdi>{text}</bdi>")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A platform's moderator opens the page: nothing of a feed may run in front of them.
    #[test]
    fn what_others_wrote_is_never_markup() {
        let bad = "<script>alert(1)</script>\" onload='x' & \u{7}";
        let text = Text(bad).to_string();
        assert_eq!(text, "&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39; &amp;  ");
        assert_eq!(Link("javascript:alert(1)").to_string(), "<bdi>javascript:alert(1)</bdi>");
        let link = Link("https://x.example/\"><script>").to_string();
        assert!(!link.contains("<script>") && !link.contains("\"><s"), "{link}");
    }
}
