//! What an author asks for inside the feed: their own words, and where it does not go. It is shown before it
//! is sent, it calls nobody, and what cannot be understood is not guessed.

use oncecast::adapter::{Known, Piece, registry};
use oncecast::config::{Config, Secrets};
use oncecast::desk::exit;
use oncecast::model::{Entry, EntryId, Fingerprint, IdempotencyKey, Override, Time};

use super::binary::{address, house, said, started};
use super::support::daemon::Daemon;
use super::support::receiver::{Manner, Receiver};
use super::support::until;

fn publish(daemon: &Daemon, items: &str) {
    let text = format!(
        "<rss version=\"2.0\" xmlns:once=\"urn:oncecast:post\"><channel><title>b</title>{items}\
         <item><title>Old</title><link>{}</link></item></channel></rss>",
        address("Old")
    );
    std::fs::write(daemon.path("feed.new"), text).expect("written");
    std::fs::rename(daemon.path("feed.new"), daemon.path("feed.xml")).expect("renamed");
}

/// An author who says in the feed that a post is not for one group, or says it otherwise there, is believed;
/// a reader elsewhere must hear nothing of it, and a word that nobody understands must not cost a post the
/// place that its author meant.
#[tokio::test(flavor = "multi_thread")]
async fn an_author_says_it_otherwise_in_one_group_and_not_at_all_in_another() {
    let [one, two, three] = [
        Receiver::open(Manner::Answers(204)).await,
        Receiver::open(Manner::Answers(204)).await,
        Receiver::open(Manner::Answers(204)).await,
    ];
    let urls = [("one", &*one.url), ("two", &*two.url), ("three", &*three.url)];
    let mut daemon = started(&house(&urls, "")).await;
    said(&daemon, &["pause", "--all"]).await.ends(exit::OK);
    let link = address("Tea");
    publish(
        &daemon,
        &format!(
            "<item><title>Tea</title><link>{link}</link>\
             <once:post warning=\"caffeine\"/><once:post to=\"one\">Come &amp; drink</once:post>\
             <once:post to=\"two\" skip=\"yes\"/><once:post to=\"nobody\" skip=\"yes\"/></item>"
        ),
    );
    until("the post to be due", async || daemon.count("one", "due").await == 1).await;
    said(&daemon, &["preview", &link]).await.ends(exit::OK).tells(&[
        "    CW: caffeine\n\n    Come & drink",
        "its author asks: these words",
        "its author asks: not to go there",
        "\"nobody\", which is no group and no kind here",
    ]);
    said(&daemon, &["resume", "--all"]).await.ends(exit::OK);
    until("the posts", async || one.requests() + three.requests() == 2).await;
    let text = |group: &Receiver| group.received("webhook-id")[0].1["data"]["text"].clone();
    assert_eq!(text(&one), format!("CW: caffeine\n\nCome & drink\n\n{link}"));
    assert_eq!(text(&three), format!("CW: caffeine\n\nTea\n\n{link}"));
    until("the one that stays away", async || daemon.count("two", "withdrawn").await == 1).await;
    said(&daemon, &["why", &link]).await.ends(exit::OK).tells(&["its author asks in the feed"]);
    // A person's word goes before the author's, and a restart changes nothing.
    assert_eq!(daemon.end().await, Some(0));
    daemon.start().await;
    assert_eq!(two.requests(), 0);
    said(&daemon, &["replay", &link, "--group", "two"]).await.ends(exit::OK);
    until("the one by hand", async || two.requests() == 1).await;

    let bad = address("Milk");
    publish(
        &daemon,
        &format!("<item><title>Milk</title><link>{bad}</link><once:post skp=\"yes\"/></item>"),
    );
    until("it to be held", async || daemon.count("three", "held").await == 1).await;
    said(&daemon, &["why", &bad]).await.ends(exit::OK).tells(&["there is no \"skp\""]);
    let mended = format!(
        "<item><title>Milk</title><link>{bad}</link><once:post to=\"three\">White</once:post></item>"
    );
    publish(&daemon, &mended);
    until("the feed to be read again", async || {
        let shown = said(&daemon, &["preview", &bad, "--group", "three"]).await;
        shown.out.contains("White")
    })
    .await;
    said(&daemon, &["release", &bad]).await.ends(exit::OK);
    until("the mended post", async || three.requests() == 2).await;
    for group in [one, two, three] {
        group.assert_once();
    }
}

/// An author's own words are words of a feed: whatever somebody writes there, nobody is called by it, on no
/// platform, any more than by a title.
#[test]
fn own_words_do_no_more_than_a_title_does() {
    let words = "@everyone <!channel> <@1> [x](https://evil.example/) @a@b.example {{ link }} *b* #t \u{202e}r";
    let kinds: [(&str, &str, &str); 12] = [
        ("mastodon", "token = { env = \"S\" }\nurl = \"https://m.example\"", ""),
        ("bluesky", "identifier = \"a.example\"\npassword = { env = \"S\" }", ""),
        (
            "matrix",
            "token = { env = \"S\" }\nurl = \"https://m.example\"",
            "room = \"!a:m.example\"",
        ),
        ("discord", "token = { env = \"S\" }", "room = \"123456\""),
        ("slack", "token = { env = \"S\" }", "room = \"C1\""),
        ("telegram", "token = { env = \"S\" }", "room = \"@a\""),
        ("mattermost", "token = { env = \"S\" }\nurl = \"https://m.example\"", "room = \"c\""),
        (
            "zulip",
            "token = { env = \"S\" }\nuser = \"a@z.example\"\nurl = \"https://z.example\"",
            "room = \"c\"\nset = { topic = \"t\" }",
        ),
        (
            "discourse",
            "token = { env = \"S\" }\nuser = \"a\"\nurl = \"https://d.example\"",
            "room = \"5\"",
        ),
        ("linkedin-member", "token = { env = \"S\" }\nset = { terms = \"accepted\" }", ""),
        ("ghost", "token = { env = \"S\" }\nurl = \"https://g.example\"", ""),
        ("webhook", "url = \"https://w.example/\"", ""),
    ];
    for (kind, integration, group) in kinds {
        let text = format!(
            "[[feed]]\nname = \"blog\"\nurl = \"https://blog.example/feed\"\n\
             [[integration]]\nname = \"i\"\nkind = {kind:?}\n{integration}\n\
             [[group]]\nname = \"g\"\nintegration = \"i\"\ntemplate = \"{{{{ title }}}}\\n\\n{{{{ link }}}}\"\n{group}\n"
        );
        let env = |_: &str| Some("6489c1:00ff10".into());
        let config = Config::parse(&text, "oncecast.toml".as_ref(), Secrets::Resolve, &env)
            .unwrap_or_else(|error| panic!("{kind}: {error}"));
        let adapter = registry::build(&config.integrations[0]);
        let group = &config.groups[0];
        let id = EntryId::from_fingerprint(&Fingerprint::of("overrides", &["entry"]));
        let key = IdempotencyKey::of(&id, &group.name, 1);
        let now = Time::from_millis(1_767_323_045_000);
        let known = Known::default();
        let said = |entry: &Entry| {
            let piece =
                Piece { entry, entry_id: id, group, key: &key, opened: now, number: 1, now };
            adapter.compose(&piece, &known).unwrap_or_else(|why| panic!("{kind}: {why}")).text
        };
        let link = Some("https://blog.example/1".to_owned());
        let titled = Entry { link, title: words.to_owned(), ..Entry::default() };
        let asked = Override {
            to: vec![kind.to_owned()],
            text: Some(words.to_owned()),
            ..Override::default()
        };
        let own = Entry { title: "Else".to_owned(), overrides: vec![asked], ..titled.clone() };
        let text = said(&own);
        assert_eq!(text, said(&titled), "{kind}");
        assert!(text.contains("{{ link }}") || text.contains("everyone"), "{kind}: {text}");
        assert!(!text.contains('\u{202e}'), "{kind}: {text}");
        if kind != "ghost" && kind != "webhook" && kind != "bluesky" && kind != "linkedin-member" {
            assert!(!text.contains("@everyone") && !text.contains("@a@b"), "{kind}: {text}");
        }
    }
}
