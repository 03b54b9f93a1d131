//! A WordPress, as the real one was seen to answer.

use std::time::Duration;

use oncecast::model::Time;
use serde_json::{Value, json};

use super::{Answer, Call, Platform};

const POSTS: &str = "/wp-json/wp/v2/posts";

#[derive(Default)]
pub struct Site {
    posts: Vec<Value>,
}

impl Site {
    fn id(call: &Call) -> Option<usize> {
        let path = call.path.split('?').next()?;
        path.strip_prefix(POSTS)?.strip_prefix('/')?.parse().ok()
    }

    fn post(&mut self, id: usize) -> Option<&mut Value> {
        self.posts.get_mut(id.checked_sub(1)?)
    }
}

impl Platform for Site {
    fn config(&self, url: &str) -> String {
        format!(
            "[[integration]]\nname = \"site\"\nkind = \"wordpress\"\nurl = \"{url}\"\nuser = \"blog\"\n\
             password = {{ env = \"KIT_PASSWORD\" }}\n\
             [[group]]\nname = \"readers\"\nintegration = \"site\"\n"
        )
    }

    fn publishes(&self, call: &Call) -> bool {
        call.method == "POST" && call.json()["status"] == "publish"
    }

    /// Any other call to a post that readers see.
    fn changes(&self, call: &Call) -> bool {
        let at = Self::id(call).and_then(|id| id.checked_sub(1));
        let post = at.and_then(|at| self.posts.get(at));
        let is_out = post.is_some_and(|post| post["status"] != "draft");
        is_out && call.method != "GET" && !self.publishes(call)
    }

    fn change(&mut self, call: &Call) -> Answer {
        let body = call.json();
        let Some(post) = Self::id(call).and_then(|id| self.post(id)) else {
            return Answer::json(404, &json!({ "code": "rest_post_invalid_id" }));
        };
        if call.method == "DELETE" {
            assert!(!call.path.contains("force"), "a person could not undo it");
            if post["status"] == "trash" {
                return Answer::json(410, &json!({ "code": "rest_already_trashed" }));
            }
            post["status"] = json!("trash");
            return Answer::json(200, post);
        }
        for (name, value) in body.as_object().into_iter().flatten() {
            assert!(name != "status", "an edit moves no post");
            post[name] = value.clone();
        }
        Answer::json(200, post)
    }

    fn vanish(&mut self) {
        self.posts.iter_mut().for_each(|post| post["status"] = json!("trash"));
    }

    fn says(&self, words: &str) -> usize {
        let shown = self.posts.iter().filter(|post| post["status"] == "publish");
        shown.filter(|post| post.to_string().contains(words)).count()
    }

    fn answer(&mut self, call: &Call) -> Answer {
        assert!(call.header("authorization").starts_with("Basic "));
        if call.is("GET", "/wp-json/wp/v2/users/me") {
            let me = json!({ "id": 1, "name": "blog", "capabilities": { "publish_posts": true } });
            return Answer::json(200, &me);
        }
        if call.is("GET", POSTS) && call.path.contains("status=publish") {
            let out = self.posts.iter().rev().filter(|post| post["status"] == "publish");
            let shown = out.map(|post| {
                let content = json!({ "rendered": post["content"] });
                json!({ "id": post["id"], "link": post["link"], "content": content,
                    "date_gmt": "2026-01-03T03:04:05" })
            });
            return Answer::json(200, &shown.collect());
        }
        if call.is("GET", POSTS) {
            let slug = call.path.split("slug=").nth(1).unwrap().split('&').next().unwrap();
            assert!(call.path.contains("status=any"));
            return Answer::json(
                200,
                &self.posts.iter().filter(|p| p["slug"] == slug).cloned().collect(),
            );
        }
        if call.is("POST", POSTS) {
            let mut post = call.json();
            assert_eq!(post["status"], "draft", "nothing is born in public");
            post["id"] = json!(self.posts.len() + 1);
            if self.posts.iter().any(|known| known["slug"] == post["slug"]) {
                post["slug"] = json!(format!("{}-2", post["slug"].as_str().unwrap()));
            }
            post["link"] = json!(format!("https://site.example/?p={}", post["id"]));
            self.posts.push(post.clone());
            return Answer::json(201, &post);
        }
        let body = call.json();
        match Self::id(call).and_then(|id| self.post(id)) {
            Some(post) => {
                for (name, value) in body.as_object().into_iter().flatten() {
                    assert!(name != "status", "only publish calls move a post");
                    post[name] = value.clone();
                }
                Answer::json(200, post)
            }
            None => Answer::json(404, &json!({ "code": "rest_post_invalid_id" })),
        }
    }

    fn take(&mut self, call: &Call) -> Answer {
        match Self::id(call).and_then(|id| self.post(id)) {
            Some(post) => {
                post["status"] = json!("publish");
                Answer::json(200, post)
            }
            None => Answer::json(404, &json!({ "code": "rest_post_invalid_id" })),
        }
    }

    fn alter(&mut self) {
        for post in &mut self.posts {
            post["content"] = json!({ "rendered": "<p>Altered.</p>" });
        }
    }

    fn rate_limit(&self, wait: Duration, _: Time) -> Answer {
        Answer::text(429, "slow down").with("retry-after", wait.as_secs().to_string())
    }

    fn expire(&mut self) -> Answer {
        Answer::json(401, &json!({ "code": "rest_cannot_edit" }))
    }

    fn refuse(&self) -> Answer {
        Answer::json(400, &json!({ "code": "rest_invalid_param" }))
    }

    fn seen(&self) -> usize {
        self.posts.iter().filter(|post| post["status"] == "publish").count()
    }
}
