//! What each group would get, before it gets it.

use oncecast::desk::exit;

use super::binary::{house, lane, publish, said, started};
use super::support::receiver::{Manner, Receiver};
use super::support::until;

/// A blogger who cannot see a post before it is out sees its mistakes together with all readers; one who
/// is shown something else than what goes out is worse off.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_shown_is_what_is_sent_and_nothing_is_sent_by_showing() {
    let group = Receiver::open(Manner::Answers(204)).await;
    let more = "[[integration]]\nname = \"me\"\nkind = \"by-hand\"\n\
         [[group]]\nname = \"short\"\nintegration = \"me\"\nlimit = 40\n\
         link = \"https://groups.example/1\"\ntemplate = \"{{ title }} {{ title }} {{ link }}\"\n\
         [[group]]\nname = \"tiny\"\nintegration = \"me\"\nlimit = 5\n\
         link = \"https://groups.example/2\"\nlanguage = \"de\"\n";
    let one = lane("one", &group.url, "");
    let mut daemon = started(&house(&[], &format!("{one}{more}"))).await;
    said(&daemon, &["pause", "one"]).await.ends(exit::OK);
    publish(&daemon, &["Tea", "Old"]);
    until("the post to be due", async || daemon.count("one", "due").await == 1).await;
    let entry = "http://blog.example/Tea";
    for runs in [true, false] {
        if !runs {
            assert_eq!(daemon.end().await, Some(0));
        }
        let words = [
            "one (one, webhook): 28 of 8000",
            "    Tea",
            "short (me, by-hand): 31 of 40",
            "    Tea Tea http://blog.example/Tea",
            "tiny (me, by-hand): cannot be made into a post",
        ];
        said(&daemon, &["preview", entry]).await.ends(exit::OK).tells(&words);
        let alone = said(&daemon, &["preview", entry, "--group", "short"]).await.ends(exit::OK);
        assert!(!alone.out.contains("webhook"), "{}", alone.out);
        said(&daemon, &["preview", entry, "--group", "shrt"]).await.ends(exit::NO_INPUT);
        said(&daemon, &["preview", "http://blog.example/No"]).await.ends(exit::NO_INPUT);
    }
    daemon.start().await;
    let json = said(&daemon, &["preview", entry, "--json"]).await.ends(exit::OK).json();
    let previews = json["previews"].as_array().expect("a list");
    assert_eq!((&previews[0]["length"], &previews[0]["limit"]), (&28.into(), &8000.into()));
    assert_eq!(previews[0]["stands"]["status"], "due", "{json}");
    assert!(previews[2]["unfit"].is_string(), "{json}");
    assert_eq!(group.requests(), 0, "nothing is sent by looking");
    said(&daemon, &["resume", "one"]).await.ends(exit::OK);
    until("the post", async || group.requests() == 1).await;
    let sent = group.received("webhook-id").remove(0).1;
    let body = previews[0]["request"]["body"].as_str().expect("a body");
    let shown: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(shown, sent, "the same call");
    assert_eq!(shown["data"]["text"], previews[0]["text"]);
    group.assert_once();
}
