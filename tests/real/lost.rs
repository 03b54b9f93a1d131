//! Answers that are lost on the way: the post is there, the daemon does not know it, and asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use oncecast::desk::verb::{Answer, Verb};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::servers::{Server, fedi_statuses, room_messages, sky_posts};
use super::story::{platforms, secrets};
use super::support::daemon::Daemon;
use super::support::until;

/// What makes a post visible, on each platform.
const PUBLISH: [&str; 3] =
    ["POST /api/v1/statuses ", "POST /xrpc/com.atproto.repo.putRecord ", "/send/m.room.message/"];

/// A way to a server on which the answer to every publish call is lost. Gives its address and counts
/// what was lost.
async fn lossy(server: &Server) -> (String, Arc<AtomicUsize>) {
    let upstream = server.text("url").trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let lost = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&lost);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (upstream, counter) = (upstream.clone(), Arc::clone(&counter));
            tokio::spawn(async move { carry(client, &upstream, &counter).await });
        }
    });
    (url, lost)
}

/// Carries one connection, which the daemon uses for one request.
async fn carry(mut client: TcpStream, upstream: &str, lost: &AtomicUsize) -> std::io::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    let mut head = Vec::new();
    let mut chunk = [0; 16 << 10];
    while !head.contains(&b'\n') {
        let read = client.read(&mut chunk).await?;
        if read == 0 {
            return Ok(());
        }
        head.extend_from_slice(&chunk[..read]);
    }
    let line = String::from_utf8_lossy(&head);
    let line = line.lines().next().unwrap_or_default().to_owned();
    server.write_all(&head).await?;
    if PUBLISH.iter().any(|call| line.contains(call)) {
        // The whole request goes up; the answer comes down to here and no further.
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let up = tokio::io::copy(&mut from_client, &mut to_server);
        let answered = from_server.read(&mut chunk);
        tokio::select! {
            _ = up => {}
            read = answered => {
                assert!(read? > 0, "the server has answered");
                lost.fetch_add(1, Ordering::SeqCst);
            }
        }
        return to_client.shutdown().await;
    }
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// What readers of other tools suffered: a timeout, and the post again with every retry.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_asked_about_and_never_repeated_blindly() {
    let (sky, chat, fedi) =
        tokio::join!(Server::start("bluesky"), Server::start("matrix"), Server::start("mastodon"));
    let (sky_url, sky_lost) = lossy(&sky).await;
    let (chat_url, chat_lost) = lossy(&chat).await;
    let (fedi_url, fedi_lost) = lossy(&fedi).await;
    let config = platforms("feed.xml", [(&sky, &sky_url), (&chat, &chat_url), (&fedi, &fedi_url)]);
    let mut daemon = Daemon::with(&config);
    secrets(&daemon, &sky, &chat, &fedi);
    let page = daemon.path("feed.xml");
    let feed = |titles: &[&str]| {
        let item = |t: &&str| {
            let slug = t.replace(' ', "-");
            format!("<item><title>{t}</title><link>http://blog.example/{slug}</link></item>")
        };
        let items: String = titles.iter().map(item).collect();
        let text = format!("<rss version=\"2.0\"><channel><title>b</title>{items}</channel></rss>");
        std::fs::write(&page, text).expect("written");
    };
    feed(&["Before we came"]);
    daemon.start().await;
    daemon.baseline("blog").await;
    let new = ["On harbours", "On clouds"];
    feed(&[new[1], new[0], "Before we came"]);
    for group in ["sky", "room", "fedi"] {
        until("every doubt to be settled", async || {
            // A lane that loses every answer takes rests; a person lets it go on.
            daemon.ask(Verb::Resume { lane: None }).await;
            daemon.count(group, "published").await == 2
        })
        .await;
    }
    for (name, posts, lost) in [
        ("Bluesky", sky_posts(&sky).await, sky_lost),
        ("Matrix", room_messages(&chat).await, chat_lost),
        ("Mastodon", fedi_statuses(&fedi).await, fedi_lost),
    ] {
        assert_eq!(posts.len(), 2, "{name} shows {posts:?}\n{}", daemon.log());
        for title in new {
            assert!(posts.iter().any(|post| post.contains(title)), "{name} lacks {title}");
        }
        assert_eq!(lost.load(Ordering::SeqCst), 2, "{name}: one call a post, and each answer lost");
    }
    let entry = "http://blog.example/On-clouds".to_owned();
    let Some(Answer::Why { entry, .. }) = daemon.ask(Verb::Why { entry }).await else {
        panic!("it is known");
    };
    for delivery in &entry.deliveries {
        let said = serde_json::to_value(delivery).expect("JSON");
        assert_eq!(said["how"], "asked", "{said}");
        assert!(said["id"].is_string() || said["url"].is_string(), "{said}");
    }
}
