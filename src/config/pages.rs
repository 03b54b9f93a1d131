//! One page for each kind of platform: how to get what it needs, and the lines that a config takes. What is
//! shipped as a description says it itself.

use super::describe::Description;

const PAGES: [(&str, &str); 14] = [
    ("mastodon", include_str!("platforms/mastodon.md")),
    ("bluesky", include_str!("platforms/bluesky.md")),
    ("matrix", include_str!("platforms/matrix.md")),
    ("discord", include_str!("platforms/discord.md")),
    ("discord-webhook", include_str!("platforms/discord-webhook.md")),
    ("wordpress", include_str!("platforms/wordpress.md")),
    ("ghost", include_str!("platforms/ghost.md")),
    ("threads", include_str!("platforms/threads.md")),
    ("websub", include_str!("platforms/websub.md")),
    ("webmention", include_str!("platforms/webmention.md")),
    ("indexnow", include_str!("platforms/indexnow.md")),
    ("webhook", include_str!("platforms/webhook.md")),
    ("by-hand", include_str!("platforms/by-hand.md")),
    ("custom", include_str!("platforms/custom.md")),
];

/// Every kind that has a page, which is every kind that there is.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|(kind, _)| *kind).chain(Description::kinds())
}

/// Kinds without a description whose posts can be read, whoever made them; each adapter says the same.
pub(super) const SHOWN: [&str; 7] =
    ["mastodon", "bluesky", "matrix", "discord", "threads", "wordpress", "ghost"];

const READ: &str = "What is posted there can be read: `audit`, `adopt` and `preflight` see it.";
const UNREAD: &str =
    "What is posted there cannot be read: `audit`, `adopt` and `preflight` see nothing of it.";

/// The page of a kind.
#[must_use]
pub fn page(kind: &str) -> Option<String> {
    let told = |shows| if shows { READ } else { UNREAD };
    if let Some((_, page)) = PAGES.iter().find(|(known, _)| *known == kind) {
        // What a custom one shows its own description says.
        let told = if kind == "custom" { "" } else { told(SHOWN.contains(&kind)) };
        return Some(format!("{page}\n{told}").trim_end().to_owned() + "\n");
    }
    let text = Description::shipped(kind)?;
    let head = text.lines().map_while(|line| line.strip_prefix("# "));
    let head = head.collect::<Vec<_>>().join("\n");
    let description = Description::parse(text).ok()?;
    let (lines, told) = (lines_of(kind, &description), told(description.posts.is_some()));
    Some(format!("{head}\n\n{lines}\n{told}\n"))
}

/// The lines of a config that a description wants, with what stands where.
fn lines_of(kind: &str, of: &Description) -> String {
    let mut lines = vec!["[[integration]]".to_owned(), format!("name = \"{kind}\"")];
    lines.push(format!("kind = \"{kind}\""));
    if of.url.is_none() {
        lines.push("url = \"https://server.example.org\"".to_owned());
    }
    if let Some(says) = &of.user {
        lines.push(format!("user = \"somebody@example.org\"  # {says}"));
    }
    for (name, says) in &of.secrets {
        lines.push(format!("{name} = {{ credential = \"{kind}-{name}\" }}  # {says}"));
    }
    let wanted = of.settings.iter().filter(|(_, setting)| setting.default.is_none());
    let wanted: Vec<String> = wanted
        .map(|(name, setting)| {
            let value = setting.one_of.first().map_or("...", String::as_str);
            format!("{name} = \"{value}\"")
        })
        .collect();
    if !wanted.is_empty() {
        let says = of.settings.iter().map(|(name, setting)| format!("{name}: {}", setting.says));
        let says = says.collect::<Vec<_>>().join("; ");
        lines.push(format!("set = {{ {} }}  # {says}", wanted.join(", ")));
    }
    lines.extend(["[[group]]".to_owned(), format!("name = \"{kind}-readers\"")]);
    lines.push(format!("integration = \"{kind}\""));
    if let Some(says) = &of.room {
        lines.push(format!("room = \"123456\"  # {says}"));
    }
    lines.iter().map(|line| format!("    {line}\n")).collect()
}
