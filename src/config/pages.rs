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

/// The page of a kind.
#[must_use]
pub fn page(kind: &str) -> Option<String> {
    if let Some((_, page)) = PAGES.iter().find(|(known, _)| *known == kind) {
        return Some((*page).to_owned());
    }
    let text = Description::shipped(kind)?;
    let head = text.lines().map_while(|line| line.strip_prefix("# "));
    let head = head.collect::<Vec<_>>().join("\n");
    Some(format!("{head}\n\n{}", lines_of(kind, &Description::parse(text).ok()?)))
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
