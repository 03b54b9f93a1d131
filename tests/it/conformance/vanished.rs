//! Entries that leave the feed: a feed is a window that slides, comes empty and comes back, and only the page
//! of an entry can say that it is deleted. What is taken away too soon was read by nobody.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oncecast::clock::TokioClock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::incidents::blog::{Post, archive, before, post, rss};
use super::cases::CASES;
use super::house::{DAY, HOUR, House, START, alone, config};
use super::platforms::ROWS;
use super::server::Server;

/// The pages of the blog: what each answers, where that is not 200.
type Pages = Arc<Mutex<HashMap<String, u16>>>;

async fn blog(pages: &Pages) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let pages = Arc::clone(pages);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = [0; 4 << 10];
            let read = stream.read(&mut bytes).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&bytes[..read]).into_owned();
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let status = pages.lock().unwrap().get(&path).copied().unwrap_or(200);
            let answer =
                format!("HTTP/1.1 {status} x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi");
            stream.write_all(answer.as_bytes()).await.ok();
        }
    });
    url
}

struct Scene {
    folder: tempfile::TempDir,
    server: Server,
    house: House,
    pages: Pages,
    base: String,
    old: Vec<Post>,
}

impl Scene {
    /// Three old posts, and these new ones that are out.
    async fn open(names: &[&str], group: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = TokioClock::starting_at(START);
        let (_, platform) = ROWS.iter().find(|(name, _)| *name == "mastodon").unwrap();
        let server = Server::open(platform(), &CASES[0], Arc::clone(&clock)).await;
        let mut config = config(folder.path(), &server, group);
        config.guard.burst = 3;
        let pages = Pages::default();
        let base = blog(&pages).await;
        let old: Vec<Post> = archive(3).into_iter().map(|post| moved(post, &base)).collect();
        publish(folder.path(), &[], &old);
        let house = House::open(&config, &clock).await;
        let mut scene = Self { folder, server, house, pages, base, old };
        scene.run(HOUR).await;
        for count in 1..=names.len() {
            scene.shows(&names[..count]);
            scene.run(2 * DAY).await;
        }
        assert_eq!(scene.seen(), names.len());
        scene
    }

    /// What the feed shows from now on, newest last, above what was there before.
    fn shows(&self, names: &[&str]) {
        let new: Vec<Post> = names.iter().rev().map(|name| moved(post(name), &self.base)).collect();
        publish(self.folder.path(), &new, &self.old);
    }

    fn page(&self, name: &str, status: u16) {
        self.pages.lock().unwrap().insert(format!("/{name}/"), status);
    }

    async fn run(&mut self, span: Duration) {
        self.house.run(&self.server, span).await;
    }

    /// How often a look has found the page of the first of them gone.
    async fn looks(&self) -> usize {
        let entry = self.house.entry().await.number;
        let history = self.house.parts.ledger.history(entry).await.unwrap();
        history.iter().filter(|line| line.detail.contains("its page says 4")).count()
    }

    fn seen(&self) -> usize {
        self.server.with(|platform| platform.seen())
    }
}

fn publish(folder: &Path, new: &[Post], old: &[Post]) {
    std::fs::write(folder.join("feed.xml"), rss(&before(new, old))).unwrap();
}

/// The post at its place on this machine.
fn moved(mut post: Post, base: &str) -> Post {
    post.link = Some(format!("{base}/{}/", post.mark));
    post
}

const RETRACTS: &str = "readers\"\non_delete = \"retract";

/// Readers went on to read for days what its author had deleted from the blog.
#[test]
fn what_is_deleted_from_the_blog_goes_and_not_before_its_page_has_said_so_for_long() {
    alone(async {
        let mut scene = Scene::open(&["kit", "next"], RETRACTS).await;
        scene.page("kit", 410);
        scene.shows(&["next"]);
        // It is seen to have left within a day, and looked at for sixteen hours after that.
        scene.run(12 * HOUR).await;
        assert_eq!(scene.seen(), 2, "too soon");
        scene.run(3 * DAY).await;
        assert_eq!(scene.seen(), 1);
        let history = scene.house.parts.ledger.history(scene.house.entry().await.number).await;
        let told: Vec<String> =
            history.unwrap().iter().map(|l| format!("{} {}", l.event, l.detail)).collect();
        for words in ["vanished its page says 410, for the 3. time", "(on_delete)", "retracted"] {
            assert!(told.iter().any(|line| line.contains(words)), "{words}: {told:#?}");
        }
        // In the feed again, it is no new post.
        scene.page("kit", 200);
        scene.shows(&["kit", "next"]);
        scene.run(3 * DAY).await;
        assert_eq!((scene.seen(), scene.server.published()), (1, 2));
    });
}

/// Posts that nobody had deleted were taken from their readers, since a feed had slid, broken or blinked.
#[test]
fn what_may_still_be_there_stays() {
    type Play = fn(&Scene);
    let plays: [(&str, Play); 6] = [
        ("its page is there", |scene| scene.shows(&["next"])),
        ("its page breaks", |scene| {
            scene.page("kit", 503);
            scene.shows(&["next"]);
        }),
        ("its page leads elsewhere", |scene| {
            scene.page("kit", 301);
            scene.shows(&["next"]);
        }),
        ("the whole site says 404", |scene| {
            for name in ["kit", "next"] {
                scene.page(name, 404);
            }
            for post in &scene.old {
                scene.page(&post.mark, 404);
            }
            scene.shows(&["next"]);
        }),
        ("the window has slid over it", |scene| {
            scene.page("kit", 404);
            publish(scene.folder.path(), &[moved(post("next"), &scene.base)], &[]);
        }),
        ("the feed is empty", |scene| {
            scene.page("kit", 404);
            publish(scene.folder.path(), &[], &[]);
        }),
    ];
    for (name, play) in plays {
        alone(async {
            let mut scene = Scene::open(&["kit", "next"], RETRACTS).await;
            play(&scene);
            scene.run(5 * DAY).await;
            assert_eq!(scene.seen(), 2, "{name}");
        });
    }
}

/// It came back before its page had said so for long, as after a mistake at the blog's desk.
#[test]
fn what_comes_back_in_time_stays() {
    alone(async {
        let mut scene = Scene::open(&["kit", "next"], RETRACTS).await;
        for times in 1..=3 {
            scene.page("kit", 404);
            scene.shows(&["next"]);
            for _ in 0..100 {
                if scene.looks().await == 2 * times {
                    break;
                }
                scene.run(HOUR).await;
            }
            assert_eq!(scene.looks().await, 2 * times);
            scene.page("kit", 200);
            scene.run(DAY).await;
            scene.shows(&["kit", "next"]);
            scene.run(2 * DAY).await;
        }
        assert_eq!(scene.seen(), 2);
    });
}

/// A broken feed would have emptied twelve groups in a night.
#[test]
fn many_that_leave_at_once_all_stay_and_a_person_is_told() {
    alone(async {
        let names = ["kit", "b", "c", "d", "e"];
        let mut scene = Scene::open(&names, RETRACTS).await;
        for name in names {
            scene.page(name, 404);
        }
        scene.shows(&["e"]);
        scene.run(5 * DAY).await;
        assert_eq!(scene.seen(), 5);
        let remarks = scene.house.parts.pulse.remarks();
        assert!(remarks.iter().any(|words| words.contains("have left the feed")), "{remarks:?}");
    });
}

/// Whoever has not asked for it keeps every post.
#[test]
fn without_a_word_nothing_goes() {
    alone(async {
        let mut scene = Scene::open(&["kit", "next"], "readers").await;
        scene.page("kit", 404);
        scene.shows(&["next"]);
        scene.run(5 * DAY).await;
        assert_eq!(scene.seen(), 2);
    });
}
