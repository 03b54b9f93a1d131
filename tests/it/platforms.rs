//! What is told of each platform, held against the code: its page, the lines that are copied from it, and its
//! row in the README.
//!
//! `ONCECAST_BLESS=1 cargo test --test it platforms` writes the table into the README.

use std::fmt::Write as _;
use std::path::Path;

use oncecast::adapter::{Known, Pictures, Piece, Shows, registry};
use oncecast::config::describe::Description;
use oncecast::config::{Config, Secrets, pages};
use oncecast::desk::exit;
use oncecast::model::{Entry, EntryId, Fingerprint, IdempotencyKey, Time};

use super::binary::{Said, bare};

const BEGIN: &str = "<!-- platforms: written by tests/it/platforms.rs -->\n";
const END: &str = "<!-- /platforms -->";

/// What stands in a page to be copied.
fn sample(page: &str) -> String {
    let lines = page.lines().filter_map(|line| line.strip_prefix("    "));
    lines.map(|line| format!("{line}\n")).collect()
}

/// A config of the lines of a page, with the group that they leave out.
fn config(kind: &str, page: &str) -> Config {
    with(kind, page, "").unwrap_or_else(|error| panic!("{kind}: {error}"))
}

/// The same with another line of the group.
fn with(kind: &str, page: &str, line: &str) -> Result<Config, String> {
    let mut text = sample(page);
    let name = text.split("name = \"").nth(1).and_then(|rest| rest.split('"').next());
    let name = name.unwrap_or_else(|| panic!("{kind}: its page has no lines to copy")).to_owned();
    if !text.contains("[[group]]") {
        write!(text, "[[group]]\nname = \"readers\"\nintegration = {name:?}\n").expect("written");
        text += match kind {
            "matrix" => "room = \"!abcdefgh:example.org\"\n",
            "discord" | "custom" => "room = \"199737254929760256\"\n",
            "websub" | "webmention" | "by-hand" => "link = \"https://example.org/\"\n",
            _ => "",
        };
    }
    let feed = "[[feed]]\nname = \"blog\"\nurl = \"https://blog.example/feed\"\n";
    let text = format!("{feed}{text}{line}\n");
    Config::parse(&text, Path::new("/tmp/oncecast.toml"), Secrets::Skip, &|_| None)
        .map_err(|error| format!("{error}\n{text}"))
}

/// Whether its adapter, as it is written, changes and takes away posts.
fn changes(kind: &str) -> (bool, bool) {
    if let Some(text) = Description::shipped(kind) {
        let of = Description::parse(text).expect("a description");
        return (of.update.is_some(), of.retract.is_some());
    }
    let source = |name: &str| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/adapter/{name}.rs"));
        std::fs::read_to_string(file).unwrap_or_default()
    };
    let amends = source(&kind.replace('-', "_")).contains("fn amend(");
    (amends, amends)
}

fn row(kind: &str) -> String {
    let page = pages::page(kind).unwrap_or_else(|| panic!("{kind} has no page"));
    let config = config(kind, &page);
    let (integration, group) = (&config.integrations[0], &config.groups[0]);
    registry::check(integration, group).unwrap_or_else(|why| panic!("{kind}: {why}"));
    let adapter = registry::build(integration);
    let mut known = Known::default();
    known.facts.insert("software".to_owned(), "mastodon".to_owned());
    let entry = Entry {
        title: "A title".to_owned(),
        link: Some("https://blog.example/1".to_owned()),
        ..Entry::default()
    };
    let entry_id = EntryId::from_fingerprint(&Fingerprint::of("platforms", &[kind]));
    let key = IdempotencyKey::of(&entry_id, &group.name, 1);
    let now = Time::from_millis(1_767_323_045_000);
    let piece = Piece { entry: &entry, entry_id, group, key: &key, opened: now, number: 1, now };
    let post = adapter.compose(&piece, &known).unwrap_or_else(|why| panic!("{kind}: {why}"));
    let promise = adapter.guarantee(&known).in_words();
    let yes = |does| if does { "yes" } else { "" };
    let (edits, deletes) = changes(kind);
    let pictures = match adapter.pictures() {
        Pictures::Carried => "yes",
        Pictures::Linked => "of the link",
        Pictures::Unseen => "",
    };
    let needs = sample(&page);
    let needs = needs.lines().filter_map(|line| line.split_once(" = ").map(|(key, _)| key));
    let needs: Vec<String> = needs
        .filter(|key| !["name", "kind", "integration"].contains(key))
        .map(|key| format!("`{key}`"))
        .collect();
    let (limit, needs) = (post.limit, needs.join(" "));
    let (edits, deletes) = (yes(edits), yes(deletes));
    let shows = adapter.shows() != Shows::Nothing;
    let told = if shows { "there can be read" } else { "there cannot be read" };
    assert!(page.contains(told), "{kind}: its page does not say that what is posted {told}");
    let asks = with(kind, &page, "preflight = true");
    assert_eq!(asks.is_ok(), shows, "{kind}: a config with preflight: {asks:?}");
    let shows = yes(shows);
    format!(
        "| `{kind}` | {promise} | {limit} | {edits} | {deletes} | {shows} | {pictures} | {needs} |\n"
    )
}

/// Somebody chooses a place by this table and loses what it said that it keeps.
#[test]
fn the_table_of_the_readme_is_what_the_code_does() {
    let mut table = String::from(
        "| kind | promise | limit | edit | delete | read | pictures | keys |\n|---|---|---|---|---|---|---|---|\n",
    );
    // What `custom` does its description says.
    table.extend(pages::kinds().filter(|kind| *kind != "custom").map(row));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&file).expect("readable");
    let (before, rest) = readme.split_once(BEGIN).expect("the beginning of the table");
    let (written, after) = rest.split_once(END).expect("its end");
    if std::env::var_os("ONCECAST_BLESS").is_some() {
        std::fs::write(&file, format!("{before}{BEGIN}{table}{END}{after}")).expect("written");
    } else {
        assert_eq!(written, table);
    }
}

/// Whoever cannot find out how to get a token asks for one with every right there is.
#[test]
fn every_kind_has_a_page_whose_lines_are_a_config() {
    let sample = Config::parse(Config::SAMPLE, Path::new("/x.toml"), Secrets::Skip, &|_| None);
    let kinds: Vec<&str> = pages::kinds().collect();
    for integration in sample.expect("a config").integrations {
        assert!(kinds.contains(&integration.platform.kind()), "{}", integration.platform.kind());
    }
    for kind in kinds {
        let page = pages::page(kind).expect(kind);
        assert_eq!(config(kind, &page).integrations[0].platform.kind(), kind);
        let columns = page.lines().map(|line| line.chars().count()).max().unwrap_or_default();
        assert!(page.lines().count() <= 25 && columns <= 400, "{kind} is no short page");
    }
}

#[tokio::test]
async fn a_page_is_one_command_away() {
    let say = async |arguments: &[&str]| Said::of(bare(arguments).output().await.expect("it runs"));
    say(&["platforms"]).await.ends(exit::OK).tells(&["mastodon", "telegram", "by-hand"]);
    say(&["platforms", "mastodon"])
        .await
        .ends(exit::OK)
        .tells(&["write:statuses", "kind = \"mastodon\""]);
    say(&["platforms", "slack"]).await.ends(exit::OK).tells(&["chat:write", "room = "]);
    say(&["platforms", "friendster"]).await.ends(exit::NO_INPUT).tells(&["there are mastodon"]);
}
