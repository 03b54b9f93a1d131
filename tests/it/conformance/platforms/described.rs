//! The platforms that are shipped as data: each as what it stores, what it calls it, and how it says no. What
//! is the same everywhere, posts, keys and repeats, is in one place.

use std::time::Duration;

use oncecast::model::Time;
use serde_json::{Value, json};

use super::{Answer, Call, Platform, Row, secret};

/// What a platform makes of a call that it has taken already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    /// Another post; a proxy that had it twice says that it was here before.
    Again,
    /// The first post, for a key.
    Same,
    /// It says that it is there.
    Refused,
}

struct Api {
    /// Kind, and what only it needs.
    integration: &'static str,
    group: &'static str,
    publish: &'static str,
    repeat: Repeat,
    /// What a post is known by.
    key: fn(&Call) -> String,
    /// The answer to a publish call.
    made: fn(&Post) -> Answer,
    /// The answer to a call that is there.
    known: fn(&Post) -> Answer,
    /// The answer to any other call.
    other: fn(&[Post], &Call) -> Answer,
    limited: fn(Duration, Time) -> Answer,
    refused: fn(&Call) -> Answer,
    /// What it calls a post.
    name: fn(&Post) -> String,
    /// Whether a call takes a post away, and whether it gives it another text.
    retracts: fn(&Call) -> bool,
    updates: fn(&Call) -> bool,
    /// What it says of a change that it has made, and of one of what is not there.
    changed: fn(&Post) -> Answer,
    missing: fn() -> Answer,
    /// What every call has to bring.
    authorised: fn(&Call) -> bool,
}

struct Post {
    number: usize,
    key: String,
    body: Value,
    at: Time,
    /// What it was changed to say.
    edited: Option<String>,
    gone: bool,
}

struct Fake {
    api: &'static Api,
    posts: Vec<Post>,
    /// Whether its keys are gone.
    forgot: bool,
    /// A call that it cannot have been meant to get. A panic where it is answered would only hang.
    wrong: Option<String>,
}

fn fake(api: &'static Api) -> Box<dyn Platform> {
    Box::new(Fake { api, posts: Vec::new(), forgot: false, wrong: None })
}

impl Fake {
    fn guarded(&mut self, call: &Call, answer: impl FnOnce(&mut Self) -> Answer) -> Answer {
        let ours = std::panic::AssertUnwindSafe(|| {
            assert!((self.api.authorised)(call));
            answer(self)
        });
        std::panic::catch_unwind(ours).unwrap_or_else(|_| {
            self.wrong = Some(format!("{call:?}"));
            Answer::text(404, "")
        })
    }

    fn publish(&mut self, call: &Call) -> Answer {
        let key = (self.api.key)(call);
        let there = self.posts.iter().find(|post| post.key == key);
        match (self.api.repeat, there) {
            (Repeat::Same, Some(post)) if !self.forgot => (self.api.made)(post),
            (Repeat::Refused, Some(post)) => (self.api.known)(post),
            _ => {
                let number = self.posts.len() + 1;
                let body =
                    if call.json().is_null() { json!({ "form": call.body }) } else { call.json() };
                self.posts.push(Post {
                    number,
                    key,
                    body,
                    at: call.now,
                    edited: None,
                    gone: false,
                });
                (self.api.made)(self.posts.last().unwrap())
            }
        }
    }
}

impl Platform for Fake {
    fn config(&self, url: &str) -> String {
        let Api { integration, group, .. } = self.api;
        format!(
            "[[integration]]\nname = \"api\"\nurl = \"{url}\"\n{integration}\n\
             [[group]]\nname = \"readers\"\nintegration = \"api\"\n{group}\n"
        )
    }

    fn publishes(&self, call: &Call) -> bool {
        call.is("POST", self.api.publish)
    }

    fn changes(&self, call: &Call) -> bool {
        (self.api.retracts)(call) || (self.api.updates)(call)
    }

    fn change(&mut self, call: &Call) -> Answer {
        self.guarded(call, |fake| {
            let api = fake.api;
            let said = format!("{} {}", call.path, call.body).replace("%3A", ":");
            let mut posts = fake.posts.iter_mut().filter(|post| !post.gone);
            let Some(post) = posts.find(|post| said.contains(&(api.name)(post))) else {
                return (api.missing)();
            };
            if (api.retracts)(call) {
                post.gone = true;
            } else {
                post.edited = Some(call.body.clone());
            }
            (api.changed)(post)
        })
    }

    fn vanish(&mut self) {
        self.posts.iter_mut().for_each(|post| post.gone = true);
    }

    fn says(&self, words: &str) -> usize {
        let shown = self.posts.iter().filter(|post| !post.gone);
        let text = |post: &Post| post.edited.clone().unwrap_or_else(|| post.body.to_string());
        shown.filter(|post| text(post).replace("%20", " ").contains(words)).count()
    }

    fn answer(&mut self, call: &Call) -> Answer {
        self.guarded(call, |fake| (fake.api.other)(&fake.posts, call))
    }

    fn take(&mut self, call: &Call) -> Answer {
        self.guarded(call, |fake| fake.publish(call))
    }

    fn repeated(&mut self, call: &Call) -> Answer {
        match self.api.repeat {
            Repeat::Again => Answer::json(409, &json!({ "error": "this was here before" })),
            _ => self.take(call),
        }
    }

    fn alter(&mut self) {
        for post in &mut self.posts {
            for text in ["text", "message", "body", "raw", "commentary"] {
                if post.body.get(text).is_some() {
                    post.body[text] = json!("something else");
                }
            }
        }
    }

    fn forget_keys(&mut self) {
        self.forgot = true;
    }

    fn rate_limit(&self, wait: Duration, now: Time) -> Answer {
        (self.api.limited)(wait, now)
    }

    fn expire(&mut self) -> Answer {
        Answer::json(401, &json!({ "error": "the token is not known" }))
    }

    /// It repeats what it was told, as servers do: none of it may be kept.
    fn refuse(&self) -> Answer {
        let call = Call::of(
            "POST",
            &format!("{}/{}", self.api.publish, secret("KIT_TOKEN")),
            "",
            Time::default(),
        );
        (self.api.refused)(&call)
    }

    fn seen(&self) -> usize {
        assert_eq!(self.wrong, None);
        self.posts.iter().filter(|post| !post.gone).count()
    }
}

fn bearer(call: &Call) -> bool {
    call.header("authorization") == format!("Bearer {}", secret("KIT_TOKEN"))
}

fn text(value: &Value, at: &str) -> String {
    value.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn seconds(wait: Duration, _: Time) -> Answer {
    Answer::json(429, &json!({})).with("retry-after", wait.as_secs().to_string())
}

fn bad_request(call: &Call) -> Answer {
    Answer::json(400, &json!({ "error": format!("cannot do {}", call.path) }))
}

fn fine(_: &[Post], _: &Call) -> Answer {
    Answer::json(200, &json!({ "ok": true, "result": "success", "sub": "abc", "my_user": {} }))
}

fn blank(_: &Post) -> Answer {
    unreachable!("it does not know a repeat")
}

/// The posts, newest first.
fn list(posts: &[Post], each: impl Fn(&Post) -> Value) -> Value {
    posts.iter().rev().map(each).collect()
}

macro_rules! api {
    ($name:ident: $($field:ident = $value:expr),+ $(,)?) => {
        const $name: &Api = &Api {
            $($field: $value,)+
            ..DEFAULT
        };
    };
}

const DEFAULT: Api = Api {
    integration: "",
    group: "",
    publish: "",
    repeat: Repeat::Again,
    key: |call| call.body.clone(),
    made: |post| Answer::json(200, &json!({ "id": post.number.to_string() })),
    known: blank,
    other: fine,
    limited: seconds,
    refused: bad_request,
    name: |post| post.number.to_string(),
    retracts: |call| call.method == "DELETE",
    updates: |call| ["PUT", "PATCH"].contains(&call.method.as_str()),
    changed: |_| Answer::json(200, &json!({ "ok": true, "result": "success" })),
    missing: || Answer::json(404, &json!({ "error": "there is none" })),
    authorised: bearer,
};

api!(SLACK_WEBHOOK:
    integration = "kind = \"slack-webhook\"\nsecret = { env = \"KIT_SLACK\" }",
    publish = "/services/T0/B0/s3cret-hook-of-the-kit",
    made = |_| Answer::text(200, "ok"),
    other = |_, call| Answer::text(if call.path == secret("KIT_SLACK") { 400 } else { 404 }, "no_text"),
    refused = |_| Answer::text(400, &format!("invalid_payload for {}", secret("KIT_SLACK"))),
    authorised = |call| call.path == secret("KIT_SLACK"),
);

api!(SLACK:
    name = ts,
    retracts = |call| call.is("POST", "/api/chat.delete"),
    updates = |call| call.is("POST", "/api/chat.update"),
    missing = || Answer::json(200, &json!({ "ok": false, "error": "message_not_found" })),
    integration = "kind = \"slack\"\ntoken = { env = \"KIT_TOKEN\" }",
    group = "room = \"C1\"",
    publish = "/api/chat.postMessage",
    made = |post| Answer::json(200, &json!({ "ok": true, "ts": ts(post) })),
    other = |posts, call| {
        if call.is("GET", "/api/auth.test") {
            return Answer::json(200, &json!({ "ok": true }));
        }
        assert!(call.is("GET", "/api/conversations.history") && call.path.contains("channel=C1"));
        let messages = list(posts, |post| json!({
            "ts": ts(post), "text": post.body["text"], "metadata": post.body["metadata"],
        }));
        Answer::json(200, &json!({ "ok": true, "messages": messages, "has_more": false }))
    },
    refused = |_| Answer::json(200, &json!({ "ok": false, "error": "channel_not_found" })),
);

fn ts(post: &Post) -> String {
    format!("{}.000100", post.at.as_millis() / 1000)
}

api!(TELEGRAM:
    name = |post| format!("\"message_id\":{}", post.number),
    retracts = |call| call.path.ends_with("/deleteMessage"),
    updates = |call| call.path.ends_with("/editMessageText"),
    missing = || {
        let words = "Bad Request: message to delete not found, message to edit not found";
        Answer::json(400, &json!({ "ok": false, "description": words }))
    },
    integration = "kind = \"telegram\"\ntoken = { env = \"KIT_TOKEN\" }",
    group = "room = \"@blog\"",
    publish = "/bots3cret-token-of-the-kit/sendMessage",
    made = |post| Answer::json(200, &json!({
        "ok": true, "result": { "message_id": post.number, "chat": { "username": "blog" } },
    })),
    limited = |wait, _| Answer::json(429, &json!({ "ok": false, "parameters": { "retry_after": wait.as_secs() } })),
    authorised = |call| call.path.starts_with(&format!("/bot{}/", secret("KIT_TOKEN"))),
);

api!(MATTERMOST:
    name = |post| format!("/p{}", post.number),
    integration = "kind = \"mattermost\"\ntoken = { env = \"KIT_TOKEN\" }",
    group = "room = \"c1\"",
    publish = "/api/v4/posts",
    made = |post| Answer::json(201, &json!({ "id": format!("p{}", post.number) })),
    other = |posts, call| {
        if call.is("GET", "/api/v4/users/me") {
            return Answer::json(200, &json!({ "id": "u" }));
        }
        assert!(call.is("GET", "/api/v4/channels/c1/posts"), "{call:?}");
        if call.path.contains("page=") && !call.path.contains("page=0") {
            return Answer::json(200, &json!({ "posts": {} }));
        }
        let posts: serde_json::Map<String, Value> = posts.iter().map(|post| {
            let id = format!("p{}", post.number);
            (id.clone(), json!({
                "id": id, "create_at": post.at.as_millis(), "props": post.body["props"],
                "message": post.body["message"],
            }))
        }).collect();
        Answer::json(200, &json!({ "posts": posts }))
    },
);

api!(ZULIP:
    name = |post| format!("/messages/{}", post.number),
    missing = || Answer::json(400, &json!({ "result": "error", "msg": "Invalid message(s)" })),
    integration = "kind = \"zulip\"\nuser = \"bot@zulip.example\"\ntoken = { env = \"KIT_TOKEN\" }",
    group = "room = \"news\"",
    publish = "/api/v1/messages",
    made = |post| Answer::json(200, &json!({ "result": "success", "id": post.number })),
    other = |posts, call| {
        if call.is("GET", "/api/v1/users/me") {
            return Answer::json(200, &json!({ "result": "success" }));
        }
        assert!(call.is("GET", "/api/v1/messages") && call.path.contains("bot%40zulip.example"), "{call:?}");
        let messages: Vec<Value> = posts.iter().map(|post| {
            let form = post.body["form"].as_str().unwrap();
            let pairs: Vec<(String, String)> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
            let content = pairs.iter().find(|(name, _)| name == "content").unwrap().1.clone();
            json!({ "id": post.number, "timestamp": post.at.as_millis() / 1000, "content": content })
        }).collect();
        Answer::json(200, &json!({ "result": "success", "messages": messages, "found_oldest": true }))
    },
    limited = |wait, now| {
        let reset = now.plus(wait).as_millis() / 1000;
        Answer::json(429, &json!({ "code": "RATE_LIMIT_HIT" })).with("x-ratelimit-reset", reset.to_string())
    },
    authorised = |call| call.header("authorization").starts_with("Basic "),
);

const DISCOURSE: &Api = &Api {
    name: |post| format!("/t/{}.json", post.number),
    integration: "kind = \"discourse\"\nuser = \"blog\"\ntoken = { env = \"KIT_TOKEN\" }",
    group: "room = \"5\"",
    publish: "/posts.json",
    repeat: Repeat::Refused,
    key: |call| text(&call.json(), "/external_id"),
    made: |post| {
        assert_eq!(post.body["category"], 5);
        Answer::json(200, &json!({ "topic_id": post.number, "topic_slug": "kit" }))
    },
    known: |_| Answer::json(422, &json!({ "errors": ["External has already been taken"] })),
    other: |posts, call| {
        if call.is("GET", "/session/current.json") {
            return Answer::json(200, &json!({ "current_user": {} }));
        }
        let id = call.path.strip_prefix("/t/external_id/").unwrap().strip_suffix(".json").unwrap();
        match posts.iter().find(|post| post.key == id) {
            Some(post) => {
                Answer::text(301, "").with("location", format!("/t/kit/{}.json", post.number))
            }
            None => Answer::json(404, &json!({ "error_type": "not_found" })),
        }
    },
    limited: |wait, _| Answer::json(429, &json!({ "extras": { "wait_seconds": wait.as_secs() } })),
    refused: |_| Answer::json(422, &json!({ "errors": ["Title is too short"] })),
    authorised: |call| {
        call.header("api-key") == secret("KIT_TOKEN") && call.header("api-username") == "blog"
    },
    ..DEFAULT
};

api!(DEV_TO:
    name = |post| format!("/articles/{}", post.number),
    retracts = |call| call.method == "PUT" && call.json()["article"]["published"] == false,
    updates = |call| call.method == "PUT" && call.json()["article"]["published"].is_null(),
    integration = "kind = \"dev-to\"\ntoken = { env = \"KIT_TOKEN\" }",
    publish = "/api/articles",
    repeat = Repeat::Refused,
    key = |call| text(&call.json(), "/article/canonical_url"),
    made = |post| Answer::json(201, &json!({ "id": post.number, "url": "https://dev.to/kit/1" })),
    known = |_| Answer::json(422, &json!({ "error": "Canonical url has already been taken" })),
    other = |posts, call| {
        if call.is("GET", "/api/users/me") {
            return Answer::json(200, &json!({ "id": 1 }));
        }
        assert!(["all", "published"].iter().any(|of| call.is("GET", &format!("/api/articles/me/{of}"))), "{call:?}");
        if call.path.contains("page=2") {
            return Answer::json(200, &json!([]));
        }
        let ours = list(posts, |post| json!({
            "id": post.number,
            "canonical_url": post.key,
            "published_at": post.at.to_string(),
            "url": "https://dev.to/kit/1",
        }));
        Answer::json(200, &ours)
    },
    refused = |_| Answer::json(422, &json!({ "error": "Title is too long" })),
    authorised = |call| call.header("api-key") == secret("KIT_TOKEN"),
);

api!(RESEND:
    integration = "kind = \"resend\"\ntoken = { env = \"KIT_TOKEN\" }\nset = { from = \"blog@example.org\" }",
    group = "set = { to = \"list@example.org\" }",
    publish = "/emails",
    repeat = Repeat::Same,
    key = |call| call.header("idempotency-key").to_owned(),
    other = |_, call| {
        assert!(call.is("GET", "/domains"), "{call:?}");
        Answer::json(401, &json!({ "name": "restricted_api_key" }))
    },
    refused = |_| Answer::json(422, &json!({ "name": "validation_error" })),
);

const LINKEDIN: Api = Api {
    name: |post| format!("urn:li:share:{}", post.number),
    updates: |call| call.header("x-restli-method") == "PARTIAL_UPDATE",
    publish: "/rest/posts",
    repeat: Repeat::Refused,
    made: |post| Answer::text(201, "").with("x-restli-id", format!("urn:li:share:{}", post.number)),
    known: |post| {
        let message = format!("Content is a duplicate of urn:li:share:{}", post.number);
        Answer::json(422, &json!({ "message": message }))
    },
    refused: |_| Answer::json(422, &json!({ "message": "commentary is too long" })),
    authorised: |call| bearer(call) && call.header("linkedin-version") == "202609",
    ..DEFAULT
};

const LINKEDIN_MEMBER: &Api = &Api {
    integration: "kind = \"linkedin-member\"\ntoken = { env = \"KIT_TOKEN\" }\nset = { terms = \"accepted\" }",
    ..LINKEDIN
};

const LINKEDIN_ORGANISATION: &Api = &Api {
    integration: "kind = \"linkedin-organisation\"\ntoken = { env = \"KIT_TOKEN\" }\n\
        set = { terms = \"accepted\", organisation = \"urn:li:organization:1\" }",
    other: |posts, call| {
        assert!(
            call.is("GET", "/rest/posts") && call.path.contains("urn%3Ali%3Aorganization%3A1"),
            "{call:?}"
        );
        assert_eq!(call.header("x-restli-method"), "FINDER");
        if call.path.contains("start=") && !call.path.contains("start=0") {
            return Answer::json(200, &json!({ "elements": [] }));
        }
        let elements = list(posts, |post| {
            json!({
                "id": format!("urn:li:share:{}", post.number),
                "lastModifiedAt": post.at.as_millis(),
                "content": post.body["content"],
            })
        });
        Answer::json(200, &json!({ "elements": elements }))
    },
    ..LINKEDIN
};

api!(LEMMY:
    name = |post| format!("\"post_id\":{}", post.number),
    retracts = |call| call.is("POST", "/api/v3/post/delete"),
    updates = |call| call.is("PUT", "/api/v3/post"),
    missing = || Answer::json(400, &json!({ "error": "couldnt_find_post" })),
    integration = "kind = \"lemmy\"\ntoken = { env = \"KIT_TOKEN\" }",
    group = "room = \"12\"",
    publish = "/api/v3/post",
    made = |post| {
        assert_eq!(post.body["community_id"], 12);
        let post = json!({ "id": post.number, "ap_id": "https://lemmy.example/post/1" });
        Answer::json(200, &json!({ "post_view": { "post": post } }))
    },
    other = |posts, call| {
        if call.is("GET", "/api/v3/site") {
            return Answer::json(200, &json!({ "my_user": {} }));
        }
        assert!(call.is("GET", "/api/v3/post/list") && call.path.contains("community_id=12"), "{call:?}");
        if call.path.contains("page=2") {
            return Answer::json(200, &json!({ "posts": [] }));
        }
        let posts = list(posts, |post| json!({ "post": {
            "id": post.number, "url": post.body["url"], "published": post.at.to_string(),
        } }));
        Answer::json(200, &json!({ "posts": posts }))
    },
);

api!(NTFY:
    integration = "kind = \"custom\"\ndescribe = \"ntfy\"\ntoken = { env = \"KIT_TOKEN\" }",
    group = "room = \"my-topic\"",
    publish = "/",
    other = |posts, call| {
        if call.is("GET", "/v1/account") {
            return Answer::json(200, &json!({}));
        }
        assert!(call.is("GET", "/my-topic/json") && call.path.contains("poll=1"), "{call:?}");
        let lines = posts.iter().map(|post| {
            json!({ "id": post.number.to_string(), "time": post.at.as_millis() / 1000, "click": post.body["click"] })
                .to_string() + "\n"
        });
        Answer::text(200, &lines.collect::<String>()).with("content-type", "application/x-ndjson")
    },
);

api!(GOOGLE_CHAT:
    integration = "kind = \"custom\"\ndescribe = \"google-chat\"\nsecret = { env = \"KIT_SPACE\" }",
    publish = "/v1/spaces/A/messages",
    made = |post| Answer::json(200, &json!({ "name": format!("spaces/A/messages/{}", post.number) })),
    refused = |call| bad_request(&Call::of("POST", secret("KIT_SPACE"), &call.body, call.now)),
    authorised = |call| call.path.starts_with(secret("KIT_SPACE")) && call.path.contains("&requestId="),
);

api!(MICROPUB:
    name = |_| "https://site.example/kit".to_owned(),
    retracts = |call| call.json()["action"] == "delete",
    updates = |call| call.json()["action"] == "update",
    integration = "kind = \"custom\"\ndescribe = \"micropub\"\ntoken = { env = \"KIT_TOKEN\" }",
    publish = "/",
    made = |_| Answer::text(201, "").with("location", "https://site.example/kit"),
    other = |_, call| {
        assert!(call.is("GET", "/") && call.path.ends_with("q=config"), "{call:?}");
        Answer::json(200, &json!({}))
    },
);

/// Every description that is shipped, and the examples.
pub const ROWS: &[Row] = &[
    ("custom/google-chat", || fake(GOOGLE_CHAT)),
    ("custom/micropub", || fake(MICROPUB)),
    ("custom/ntfy", || fake(NTFY)),
    ("dev-to", || fake(DEV_TO)),
    ("discourse", || fake(DISCOURSE)),
    ("lemmy", || fake(LEMMY)),
    ("linkedin-member", || fake(LINKEDIN_MEMBER)),
    ("linkedin-organisation", || fake(LINKEDIN_ORGANISATION)),
    ("mattermost", || fake(MATTERMOST)),
    ("resend", || fake(RESEND)),
    ("slack", || fake(SLACK)),
    ("slack-webhook", || fake(SLACK_WEBHOOK)),
    ("telegram", || fake(TELEGRAM)),
    ("zulip", || fake(ZULIP)),
];
