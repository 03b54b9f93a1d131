//! Pictures on their way to each platform that carries them: with what they show, from where a stranger may
//! lead us, and never at the price of the post.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use oncecast::clock::TokioClock;
use oncecast::config::{Config, Secrets};
use oncecast::daemon::{lane_of, setup_of};
use oncecast::flow::deliver::Lane;
use oncecast::flow::{Bell, Parts, Pulse};
use oncecast::ledger::embedded::Embedded;
use oncecast::ledger::{Intake, Ledger as _, Sight, Work};
use oncecast::model::{Enclosure, Entry, FeedState, Header, Response, StatusKind, Time};
use oncecast::wire::{Answering, Fuse, Get, GetError, Outgoing, Reach, Transport, Trouble, Wire};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

const START: Time = Time::from_millis(1_767_323_045_000);
/// 640 by 480, as far as anybody looks.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x06\xff\0picture";

/// Three platforms and everybody's web servers.
#[derive(Debug, Default)]
struct Net {
    /// What stands at every address of a picture.
    picture: Vec<u8>,
    /// What a platform says to an upload, where that is not what it should be.
    upload: Option<u16>,
    /// How often a picture is not ready yet.
    slow: Mutex<u32>,
    /// Addresses that were read, and uploads and posts that came.
    read: Mutex<Vec<String>>,
    uploads: Mutex<Vec<(Vec<Header>, Vec<u8>)>>,
    posts: Mutex<Vec<Value>>,
    /// Pictures that are read and not yet uploaded, and the most there were.
    held: Mutex<(usize, usize)>,
}

fn answer(status: u16, body: &Value) -> Response {
    Response { status, body: body.to_string().into_bytes(), whole: true, ..Response::default() }
}

impl Net {
    fn hold(&self) {
        let mut held = self.held.lock().expect("free");
        held.0 += 1;
        held.1 = held.1.max(held.0);
    }

    fn serve(&self, outgoing: &Outgoing<'_>) -> Response {
        let url = outgoing.url.expose_secret().to_owned();
        let is = |part: &str| url.contains(part);
        if let Some(bytes) = outgoing.bytes {
            let headers = outgoing.headers.to_vec();
            self.uploads.lock().expect("free").push((headers, bytes.to_vec()));
            if let Some(status) = self.upload {
                return answer(status, &json!({ "error": "no such pictures here" }));
            }
            let ready = *self.slow.lock().expect("free") == 0;
            return match () {
                () if is("/api/v2/media") => {
                    answer(if ready { 200 } else { 202 }, &json!({ "id": "7" }))
                }
                () if is("uploadBlob") => {
                    answer(200, &json!({ "blob": { "$type": "blob", "ref": { "$link": "bafy" } } }))
                }
                () => answer(200, &json!({ "content_uri": "mxc://m.example/abc" })),
            };
        }
        if is("/api/v1/media/7") {
            let mut slow = self.slow.lock().expect("free");
            *slow = slow.saturating_sub(1);
            return answer(if *slow == 0 { 200 } else { 206 }, &json!({ "id": "7" }));
        }
        let post = is("/api/v1/statuses") || is("putRecord") || is("/send/m.room.message/");
        if post {
            let body = serde_json::from_str(outgoing.body.expose_secret()).expect("JSON");
            self.posts.lock().expect("free").push(body);
            return answer(
                200,
                &json!({ "id": "1", "uri": "at://did:plc:a/app.bsky.feed.post/b", "event_id": "$e" }),
            );
        }
        match () {
            () if is("/api/v2/instance") => answer(
                200,
                &json!({
                    "version": "4.5.0", "source_url": "https://github.com/mastodon/mastodon",
                    "configuration": { "media_attachments": {
                        "image_size_limit": 4096, "supported_mime_types": ["image/png", "video/mp4"],
                    } },
                }),
            ),
            () if is("verify_credentials") => answer(200, &json!({ "id": "42", "acct": "blog" })),
            () if is("createSession") => {
                answer(200, &json!({ "did": "did:plc:a", "accessJwt": "a", "refreshJwt": "r" }))
            }
            () if is("whoami") => answer(200, &json!({ "user_id": "@blog:m.example" })),
            () if is("media/config") => answer(200, &json!({ "m.upload.size": 4096 })),
            () if is("m.room.encryption") => answer(404, &json!({ "errcode": "M_NOT_FOUND" })),
            () => answer(404, &json!({})),
        }
    }
}

impl Transport for Net {
    fn send<'a>(
        &'a self,
        outgoing: Outgoing<'a>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Response, Trouble>> + Send + 'a>> {
        Box::pin(async move {
            let answer = self.serve(&outgoing);
            if outgoing.bytes.is_some() {
                tokio::time::sleep(Duration::from_secs(60)).await;
                self.held.lock().expect("free").0 -= 1;
            }
            Ok(answer)
        })
    }

    /// As the real one, for hosts that say in their name what they are.
    fn get<'a>(&'a self, get: Get<'a>) -> Answering<'a> {
        Box::pin(async move {
            let host = get.url.host_str().unwrap_or_default().to_owned();
            if get.reach == Reach::PublicOnly && host.starts_with("10.") {
                return Err(GetError::Blocked { address: host.clone(), host });
            }
            self.read.lock().expect("free").push(get.url.to_string());
            match get.url.path() {
                "/slow" => Err(GetError::Timeout { host, seconds: get.timeout.as_secs() }),
                "/gone" => Ok(Response { status: 404, whole: true, ..Response::default() }),
                "/away" => {
                    let headers = vec![("location".to_owned(), "http://10.0.0.8/a.png".to_owned())];
                    Ok(Response { status: 302, headers, whole: true, ..Response::default() })
                }
                _ if self.picture.len() > get.max_body => {
                    Err(GetError::TooLarge { host, max: get.max_body })
                }
                _ => {
                    self.hold();
                    let body = self.picture.clone();
                    Ok(Response { status: 200, body, whole: true, ..Response::default() })
                }
            }
        })
    }
}

const KINDS: [(&str, &str, &str); 3] = [
    ("mastodon", "url = \"https://f.example\"\ntoken = { env = \"S\" }", ""),
    ("bluesky", "identifier = \"blog.example\"\npassword = { env = \"S\" }", ""),
    ("matrix", "url = \"https://m.example\"\ntoken = { env = \"S\" }", "room = \"!r:m.example\""),
];

/// What became of one post with a picture: the call that carried it, and what the journal tells.
struct Told {
    post: Value,
    history: String,
    net: Arc<Net>,
}

/// A house with so many groups of a kind, which are owed one post with a picture, and the lanes to them.
struct House {
    _folder: tempfile::TempDir,
    ledger: Arc<Embedded>,
    lanes: Vec<Lane>,
    net: Arc<Net>,
}

async fn house(
    (kind, integration, group): (&str, &str, &str),
    groups: usize,
    net: Net,
    picture: &str,
    alt: Option<&str>,
) -> House {
    let folder = tempfile::tempdir().expect("a folder");
    let mut text = format!(
        "[ledger]\npath = {:?}\n[guard]\nsettle = \"0s\"\nburst = 100\nshare = 1.0\n\
         [[feed]]\nname = \"blog\"\nurl = \"http://10.0.0.9/feed\"\n",
        folder.path().join("ledger.redb"),
    );
    for number in 0..groups {
        // Nobody may have the same login twice.
        let integration = integration.replace("//", &format!("//{number}."));
        text += &format!(
            "[[integration]]\nname = \"i{number}\"\nkind = {kind:?}\n{integration}\n\
             [[group]]\nname = \"g{number}\"\nintegration = \"i{number}\"\n{group}\n"
        );
    }
    let file = folder.path().join("oncecast.toml");
    let config = Config::parse(&text, &file, Secrets::Resolve, &|_| Some("s3cret-token".into()))
        .unwrap_or_else(|error| panic!("{error}"));
    let clock = TokioClock::starting_at(START);
    let ledger = Embedded::open(&config.ledger.path, clock.clone()).await.expect("a ledger");
    ledger.configure(setup_of(&config)).await.expect("configured");
    let entry = |name: &str| Entry {
        guid: Some(name.to_owned()),
        title: name.to_owned(),
        link: Some(format!("https://blog.example/{name}")),
        enclosures: vec![Enclosure {
            url: picture.to_owned(),
            media_type: Some("image/png".to_owned()),
            alt: alt.map(str::to_owned),
        }],
        ..Entry::default()
    };
    for entries in [vec![entry("Old")], vec![entry("Old"), entry("Bread")]] {
        let sight = Sight::Document { entries, complete: true };
        let intake = Intake { feed: "blog".into(), sight, state: FeedState::default() };
        ledger.admit(intake).await.expect("admitted");
    }
    let net = Arc::new(net);
    let wire = Wire::over(net.clone(), Fuse::default());
    let (bell, pulse) = (Bell::default(), Arc::new(Pulse::default()));
    let parts = Parts { ledger: ledger.clone(), wire, clock, bell, pulse };
    let lanes = config.integrations.iter().map(|i| lane_of(&config, i, &parts)).collect();
    House { _folder: folder, ledger, lanes, net }
}

/// Takes what is owed to one group there.
async fn deliver(ledger: &Embedded, lane: &mut Lane, name: &str) {
    loop {
        let waiting = ledger.due(name).await.expect("readable");
        match (waiting.work, waiting.wake) {
            (Some(Work::Due(due)), _) => drop(lane.deliver(&due).await.expect("delivered")),
            // A clock that is paused leaps while the disk is waited for, and a permit grows old.
            (_, Some(wait)) => tokio::time::sleep(wait).await,
            _ => break,
        }
    }
}

async fn tell(kind: (&str, &str, &str), net: Net, picture: &str, alt: Option<&str>) -> Told {
    let House { _folder, ledger, mut lanes, net } = house(kind, 1, net, picture, alt).await;
    let kind = kind.0;
    deliver(&ledger, &mut lanes[0], "i0").await;
    let found = ledger.find("Bread").await.expect("readable").remove(0);
    let stands = found.deliveries[0].status.kind();
    assert_eq!(stands, StatusKind::Published, "{kind} {picture}: {:?}", found.deliveries[0].status);
    let history = ledger.history(found.number).await.expect("readable");
    let history: Vec<String> = history.into_iter().map(|line| line.detail).collect();
    ledger.close().await.expect("closed");
    let mut posts = std::mem::take(&mut *net.posts.lock().expect("free"));
    assert_eq!(posts.len(), 1, "{kind} {picture}: it is said once");
    Told { post: posts.remove(0), history: history.join("\n"), net }
}

fn good() -> Net {
    Net { picture: PNG.to_vec(), ..Net::default() }
}

/// A photo blog's post without its photo says nothing, and one without its description says nothing to those
/// who cannot see it.
#[tokio::test(start_paused = true)]
async fn a_picture_goes_with_its_post_and_so_does_what_it_shows() {
    let alt = Some("A loaf, \"split\"");
    for kind in KINDS {
        let told = tell(kind, good(), "https://blog.example/a.png", alt).await;
        let uploads = told.net.uploads.lock().expect("free");
        let [(headers, bytes)] = &uploads[..] else { panic!("{}: one upload", kind.0) };
        assert!(bytes.windows(PNG.len()).any(|part| part == PNG), "{}: whole", kind.0);
        let kinds = &headers[0].1;
        match kind.0 {
            "mastodon" => {
                assert_eq!(told.post["media_ids"], json!(["7"]));
                let form = String::from_utf8_lossy(bytes);
                assert!(
                    form.contains("name=\"description\"\r\n\r\nA loaf, \"split\"\r\n"),
                    "{form}"
                );
                assert!(
                    form.contains("filename=\"picture.png\"\r\nContent-Type: image/png"),
                    "{form}"
                );
                let end = kinds.split_once("boundary=").expect("a boundary").1;
                assert!(form.ends_with(&format!("\r\n--{end}--\r\n")), "{form}");
            }
            "bluesky" => {
                let embed = &told.post["record"]["embed"];
                assert_eq!(embed["$type"], "app.bsky.embed.images");
                let image = &embed["images"][0];
                assert_eq!(
                    (&image["alt"], kinds.as_str()),
                    (&json!("A loaf, \"split\""), "image/png")
                );
                assert_eq!(image["aspectRatio"], json!({ "width": 640, "height": 480 }));
                assert_eq!(image["image"]["ref"]["$link"], "bafy");
            }
            _ => {
                let html = told.post["formatted_body"].as_str().expect("HTML");
                let image = "<img src=\"mxc://m.example/abc\" alt=\"A loaf, &quot;split&quot;\">";
                assert!(html.ends_with(image), "{html}");
                assert_eq!(told.post["body"], "Bread\n\nhttps://blog.example/Bread");
            }
        }
        assert!(!told.history.contains("without"), "{}", told.history);
    }
    let card = tell(KINDS[1], good(), "https://blog.example/a.png", None).await;
    let embed = &card.post["record"]["embed"];
    assert_eq!(
        embed["$type"], "app.bsky.embed.external",
        "what nobody has described is the card's"
    );
    assert_eq!(embed["external"]["thumb"]["ref"]["$link"], "bafy");
}

/// Mastodon takes its time with a picture, and refuses a status that names one too early.
#[tokio::test(start_paused = true)]
async fn a_picture_that_is_not_ready_is_waited_for_and_not_for_ever() {
    let slow = |looks| Net { slow: Mutex::new(looks), ..good() };
    let told = tell(KINDS[0], slow(3), "https://blog.example/a.png", None).await;
    assert_eq!(told.post["media_ids"], json!(["7"]));
    let told = tell(KINDS[0], slow(99), "https://blog.example/a.png", None).await;
    assert!(told.post["media_ids"].is_null());
    assert!(told.history.contains("not done with it in time"), "{}", told.history);
}

/// A reader misses a post for its picture's sake, or an operator's own network is read out to the world, or
/// nobody ever hears why the picture is missing.
#[tokio::test(start_paused = true)]
async fn a_picture_that_cannot_be_had_costs_no_post_and_is_said() {
    let of = |picture: &[u8]| Net { picture: picture.to_vec(), ..Net::default() };
    let refused = |status| Net { upload: Some(status), ..good() };
    let large = [PNG, &[0; 1_000_001]].concat();
    for kind in KINDS {
        for (net, address, why, reads) in [
            (of(&large), "https://blog.example/a.png", "bytes", 1),
            (of(b"<svg xmlns=\"\"/>"), "https://blog.example/a.png", "it is no JPEG", 1),
            (of(b"<html>sign in</html>"), "https://blog.example/a.png", "it is no JPEG", 1),
            (good(), "https://blog.example/gone", "answers 404", 1),
            (good(), "https://blog.example/slow", "20 s", 1),
            (good(), "http://10.0.0.1/camera.png", "not a public address", 0),
            (good(), "https://blog.example/away", "not a public address", 1),
            (refused(422), "https://blog.example/a.png", "it was not taken", 1),
            (refused(403), "https://blog.example/a.png", "it was not taken", 1),
            (refused(500), "https://blog.example/a.png", "it was not taken", 1),
        ] {
            let told = tell(kind, net, address, Some("A loaf")).await;
            let (kind, post) = (kind.0, told.post.to_string());
            assert!(
                !post.contains("media_ids") && !post.contains("mxc:") && !post.contains("bafy"),
                "{kind}: {post}"
            );
            assert!(post.contains("https://blog.example/Bread"), "{kind}: {post}");
            let history = &told.history;
            assert!(
                history.contains("without its picture") && history.contains(why),
                "{kind} {address}: {history}"
            );
            assert_eq!(told.net.read.lock().expect("free").len(), reads, "{kind} {address}");
        }
    }
    // The server of the operator's own feed is no stranger.
    let own = tell(KINDS[0], good(), "http://10.0.0.9/a.png", None).await;
    assert_eq!(own.post["media_ids"], json!(["7"]));
    let gif = tell(KINDS[0], of(b"GIF89a\x01\0\x01\0"), "https://blog.example/a.gif", None).await;
    assert!(gif.history.contains("does not take image/gif"), "{}", gif.history);
}

/// One photo of many megabytes on its way to twelve groups at once fills the memory: the service is killed
/// in the middle of its posts, starts, and does it again.
#[tokio::test(start_paused = true)]
async fn few_pictures_are_in_memory_at_a_time() {
    let House { _folder, ledger, lanes, net } =
        house(KINDS[0], 6, good(), "https://blog.example/a.png", None).await;
    let mut all = tokio::task::JoinSet::new();
    for (number, mut lane) in (0..).zip(lanes) {
        let ledger = ledger.clone();
        all.spawn(async move { deliver(&ledger, &mut lane, &format!("i{number}")).await });
    }
    all.join_all().await;
    assert_eq!(net.posts.lock().expect("free").len(), 6);
    // Other tests beside this one hold some too.
    let (held, most) = *net.held.lock().expect("free");
    assert!(held == 0 && (1..=2).contains(&most), "{held} are held, and {most} were at the most");
    ledger.close().await.expect("closed");
}
