//! A Ghost, as the real one was seen to answer.

use std::time::Duration;

use oncecast::model::Time;
use serde_json::{Value, json};

use super::{Answer, Call, Platform, secret};

const POSTS: &str = "/ghost/api/admin/posts/";

#[derive(Default)]
pub struct Site {
    posts: Vec<Value>,
}

impl Site {
    fn of(post: &Value) -> Answer {
        Answer::json(200, &json!({ "posts": [post] }))
    }

    fn missing() -> Answer {
        Answer::json(404, &json!({ "errors": [{ "type": "NotFoundError" }] }))
    }

    fn names(call: &Call, post: &Value) -> bool {
        let path = call.path.split('?').next().and_then(|path| path.strip_prefix(POSTS));
        path.and_then(|path| path.strip_suffix('/')).is_some_and(|id| post["id"] == id)
    }

    fn post(&mut self, call: &Call) -> Option<&mut Value> {
        self.posts.iter_mut().find(|post| Self::names(call, post))
    }
}

impl Platform for Site {
    fn config(&self, url: &str) -> String {
        format!(
            "[[integration]]\nname = \"site\"\nkind = \"ghost\"\nurl = \"{url}\"\n\
             token = {{ env = \"KIT_GHOST\" }}\n\
             [[group]]\nname = \"readers\"\nintegration = \"site\"\n"
        )
    }

    fn publishes(&self, call: &Call) -> bool {
        call.json()["posts"][0]["status"] == "published"
    }

    /// A call that unpublishes, or any other to a post that readers see.
    fn changes(&self, call: &Call) -> bool {
        let sent = &call.json()["posts"][0];
        let at = self.posts.iter().position(|post| Self::names(call, post));
        let is_out = at.is_some_and(|at| self.posts[at]["status"] == "published");
        let unpublishes = sent["status"] == "draft" && at.is_some();
        call.method == "PUT" && (unpublishes || (is_out && sent["status"].is_null()))
    }

    fn change(&mut self, call: &Call) -> Answer {
        let (sent, now) = (call.json()["posts"][0].clone(), call.now);
        let Some(post) = self.post(call) else { return Self::missing() };
        let mut next = post.clone();
        for (name, value) in sent.as_object().into_iter().flatten() {
            next[name] = value.clone();
        }
        next["updated_at"] = post["updated_at"].clone();
        if next == *post {
            return Self::of(post);
        }
        if sent["updated_at"] != post["updated_at"] {
            let error = json!({ "errors": [{ "type": "UpdateCollisionError" }] });
            return Answer::json(409, &error);
        }
        next["updated_at"] = json!(now.to_string());
        *post = next;
        Self::of(post)
    }

    fn vanish(&mut self) {
        self.posts.iter_mut().for_each(|post| post["status"] = json!("draft"));
    }

    fn says(&self, words: &str) -> usize {
        let shown = self.posts.iter().filter(|post| post["status"] == "published");
        shown.filter(|post| post.to_string().contains(words)).count()
    }

    fn answer(&mut self, call: &Call) -> Answer {
        assert!(call.header("authorization").starts_with("Ghost eyJ"));
        assert!(!call.header("authorization").contains(secret("KIT_GHOST")));
        if call.is("GET", POSTS) {
            let out = self.posts.iter().rev().filter(|post| post["status"] == "published");
            let out: Vec<Value> = out.cloned().collect();
            let next = json!({ "pagination": { "next": null } });
            return Answer::json(200, &json!({ "posts": out, "meta": next }));
        }
        if let Some(rest) = call.path.strip_prefix(&format!("{POSTS}slug/")) {
            let slug = rest.split('/').next().unwrap();
            let found = self.posts.iter().find(|post| post["slug"] == slug);
            return found.map_or_else(Self::missing, Self::of);
        }
        let sent = call.json()["posts"][0].clone();
        if call.is("POST", POSTS) {
            assert_eq!(sent["status"], "draft", "nothing is born in public");
            let mut post = sent;
            let number = self.posts.len() + 1;
            post["id"] = json!(format!("6489c1{number}"));
            if self.posts.iter().any(|known| known["slug"] == post["slug"]) {
                post["slug"] = json!(format!("{}-2", post["slug"].as_str().unwrap()));
            }
            post["url"] = json!(format!("https://ghost.example/p/{number}/"));
            post["updated_at"] = json!(call.now.to_string());
            self.posts.push(post.clone());
            return Answer { status: 201, ..Self::of(&post) };
        }
        let now = call.now;
        match self.post(call) {
            Some(post) if call.method == "PUT" => {
                for (name, value) in sent.as_object().into_iter().flatten() {
                    assert!(name != "status", "only publish calls move a post");
                    post[name] = value.clone();
                }
                post["updated_at"] = json!(now.to_string());
                Self::of(post)
            }
            Some(post) => Self::of(post),
            None => Self::missing(),
        }
    }

    fn take(&mut self, call: &Call) -> Answer {
        let version = call.json()["posts"][0]["updated_at"].clone();
        let now = call.now;
        match self.post(call) {
            Some(post) if post["status"] == "draft" => {
                assert_eq!(post["updated_at"], version);
                post["status"] = json!("published");
                post["updated_at"] = json!(now.to_string());
                Self::of(post)
            }
            // A repeat that changes nothing is taken, however old its version.
            Some(post) => Self::of(post),
            None => Self::missing(),
        }
    }

    fn alter(&mut self) {
        for post in &mut self.posts {
            post["html"] = json!("<p>Altered.</p>");
        }
    }

    fn rate_limit(&self, wait: Duration, _: Time) -> Answer {
        Answer::text(429, "slow down").with("retry-after", wait.as_secs().to_string())
    }

    fn expire(&mut self) -> Answer {
        Answer::json(401, &json!({ "errors": [{ "type": "UnauthorizedError" }] }))
    }

    fn refuse(&self) -> Answer {
        Answer::json(422, &json!({ "errors": [{ "type": "ValidationError" }] }))
    }

    fn seen(&self) -> usize {
        self.posts.iter().filter(|post| post["status"] == "published").count()
    }
}
