//! The whole way of ten posts: from a real WordPress to a real PDS, a real homeserver and a Mastodon
//! stand-in, through everything that made other tools repeat themselves.

use oncecast::desk::verb::Verb;

use super::servers::{Blog, Server, fedi_statuses, room_messages, sky_posts};
use super::support::daemon::Daemon;
use super::support::until;

/// Titles that say something different each: not a series that differs in digits.
const OLD: [&str; 2] = ["Before we came", "Long ago"];
const NEW: [&str; 10] = [
    "On harbours",
    "On clouds",
    "On bridges",
    "On lanterns",
    "On thunder",
    "On gardens",
    "On silence",
    "On rivers",
    "On winter",
    "On bread",
];
/// Published before the daemon is killed; the rest comes after.
const BEFORE_KILL: usize = 5;

/// What readers would have suffered: a post twice after a crash, after a permalink change, after the
/// move to https; or a post that never came.
#[tokio::test(flavor = "multi_thread")]
async fn ten_posts_reach_three_platforms_once_each_through_everything() {
    let (blog, sky, chat, fedi) = tokio::join!(
        Server::start("wordpress"),
        Server::start("bluesky"),
        Server::start("matrix"),
        Server::start("mastodon"),
    );
    let blog = Blog(blog);
    for title in OLD {
        blog.publish(title).await;
    }
    let urls = [&sky, &chat, &fedi].map(|server| server.text("url"));
    let reached = [(&sky, &*urls[0]), (&chat, &*urls[1]), (&fedi, &*urls[2])];
    let mut daemon = Daemon::with(&platforms(&blog.0.text("feed"), reached));
    secrets(&daemon, &sky, &chat, &fedi);
    daemon.start().await;
    daemon.baseline("blog").await;

    let mut ids = Vec::new();
    for title in &NEW[..BEFORE_KILL] {
        ids.push(blog.publish(title).await);
    }
    until("the first posts to be on their way", async || {
        !sky_posts(&sky).await.is_empty() && daemon.count("sky", "published").await < 5
            || daemon.count("sky", "published").await > 0
    })
    .await;
    daemon.kill().await;
    daemon.start().await;
    for title in &NEW[BEFORE_KILL..] {
        ids.push(blog.publish(title).await);
    }
    blog.edit(ids[1], "<p>It was said better.</p>").await;
    // Again in the middle of sending: the second half is under way now.
    until("the second half to be on its way", async || {
        room_messages(&chat).await.len() > BEFORE_KILL
    })
    .await;
    daemon.kill().await;
    blog.permalinks("/archives/%post_id%").await;
    daemon.start().await;
    settled(&daemon, &fedi).await;
    blog.move_to_https().await;
    looked_again(&daemon).await;
    looked_again(&daemon).await;
    settled(&daemon, &fedi).await;

    for (name, posts) in [
        ("Bluesky", sky_posts(&sky).await),
        ("Matrix", room_messages(&chat).await),
        ("Mastodon", fedi_statuses(&fedi).await),
    ] {
        for title in NEW {
            let times = posts.iter().filter(|post| post.contains(title)).count();
            assert_eq!(times, 1, "{name} shows {title:?} {times} times\n{}", daemon.log());
        }
        for title in OLD {
            let times = posts.iter().filter(|post| post.contains(title)).count();
            assert_eq!(times, 0, "{name} shows {title:?}, which was there before us");
        }
        assert_eq!(posts.len(), NEW.len(), "{name} shows {posts:?}");
    }
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
}

/// Waits until every delivery of every group is published, whatever doubts had to be settled. The
/// stand-in does not call itself Mastodon, so its promise is the weaker one: what a kill met between
/// claim and send cannot be repeated by machine, and a person looks.
async fn settled(daemon: &Daemon, fedi: &Server) {
    until("every delivery to be published", async || {
        look(daemon, fedi).await;
        let mut done = true;
        for group in ["sky", "room", "fedi"] {
            done &= daemon.count(group, "published").await == NEW.len() as u64;
        }
        done
    })
    .await;
}

/// What a person does about a doubt that asking could not settle: looks, and says what is there.
async fn look(daemon: &Daemon, fedi: &Server) {
    let status = daemon.status().await;
    for delivery in status["waiting"].as_array().into_iter().flatten() {
        let asked = delivery["looks"].as_u64().unwrap_or_default() > 0;
        if delivery["group"] != "fedi" || delivery["status"] != "in_doubt" || !asked {
            continue;
        }
        let title = delivery["title"].as_str().expect("a title");
        let published = fedi_statuses(fedi).await.iter().any(|status| status.contains(title));
        let delivery = format!("{}/fedi", delivery["entry_id"].as_str().expect("an id"));
        let (url, reason) = (None, Some("looked at the account".to_owned()));
        daemon.ask(Verb::Resolve { delivery, published, url, reason }).await;
    }
}

/// Waits until the feed has been read once more.
async fn looked_again(daemon: &Daemon) {
    let read = async || daemon.status().await["feeds"][0]["last_success"].clone();
    let before = read().await;
    until("the feed to be read again", async || read().await != before).await;
}

/// The secrets of the three platforms, in files that nobody else may read.
pub(crate) fn secrets(daemon: &Daemon, sky: &Server, chat: &Server, fedi: &Server) {
    for (name, secret) in [
        ("sky-password", sky.text("password")),
        ("chat-password", chat.text("password")),
        ("fedi-token", fedi.text("token")),
    ] {
        let path = daemon.path(name);
        std::fs::write(&path, secret).expect("written");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, private).expect("set");
    }
}

/// A feed and the three platforms, each with the address at which the daemon is to reach it.
pub(crate) fn platforms(feed: &str, [sky, chat, fedi]: [(&Server, &str); 3]) -> String {
    let open = "pace = { every = \"0s\", burst = 1 }\ndoubt_after = \"1s\"\n\
                caps = { per_10m = 100, per_hour = 100, per_day = 100 }\n";
    format!(
        "[guard]\nsettle = \"2s\"\nburst = 20\nshare = 1.0\n\
         [[feed]]\nname = \"blog\"\nurl = {feed:?}\nevery = \"1s\"\nevery_max = \"1s\"\n\
         [[integration]]\nname = \"sky\"\nkind = \"bluesky\"\nurl = {:?}\nidentifier = {:?}\n\
         password = {{ file = \"sky-password\" }}\n{open}\
         [[integration]]\nname = \"chat\"\nkind = \"matrix\"\nurl = {:?}\nuser = {:?}\n\
         password = {{ file = \"chat-password\" }}\n{open}\
         [[integration]]\nname = \"fedi\"\nkind = \"mastodon\"\nurl = {:?}\n\
         token = {{ file = \"fedi-token\" }}\n{open}\
         [[group]]\nname = \"sky\"\nintegration = \"sky\"\n\
         [[group]]\nname = \"room\"\nintegration = \"chat\"\nroom = {:?}\n\
         [[group]]\nname = \"fedi\"\nintegration = \"fedi\"\n",
        sky.1,
        sky.0.text("identifier"),
        chat.1,
        chat.0.text("user"),
        fedi.1,
        chat.0.text("room"),
    )
}
