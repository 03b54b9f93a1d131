//! A webhook of Discord, as its documentation has it: it knows no nonce and shows no history.

use std::time::Duration;

use oncecast::model::Time;
use serde_json::{Value, json};

use super::{Answer, Call, Platform, secret};

#[derive(Default)]
pub struct Webhook {
    messages: Vec<Value>,
}

impl Webhook {
    fn path() -> String {
        format!("/api/v10/webhooks/9/{}", secret("KIT_HOOK_TOKEN"))
    }
}

impl Platform for Webhook {
    fn config(&self, url: &str) -> String {
        format!(
            "[[integration]]\nname = \"hook\"\nkind = \"discord-webhook\"\nurl = \"{url}/api/v10\"\n\
             secret = {{ env = \"KIT_HOOK\" }}\nuser = \"The blog\"\n\
             [[group]]\nname = \"readers\"\nintegration = \"hook\"\n"
        )
    }

    fn publishes(&self, call: &Call) -> bool {
        call.is("POST", &Self::path())
    }

    fn changes(&self, call: &Call) -> bool {
        call.path.starts_with(&format!("{}/messages/", Self::path())) && call.method != "GET"
    }

    fn change(&mut self, call: &Call) -> Answer {
        let id = call.path.rsplit('/').next().unwrap();
        let Some(at) = self.messages.iter().position(|message| message["id"] == id) else {
            return Answer::json(404, &json!({ "message": "Unknown Message", "code": 10008 }));
        };
        if call.method == "DELETE" {
            self.messages.remove(at);
            return Answer::text(204, "");
        }
        let body = call.json();
        assert_eq!(body["allowed_mentions"], json!({ "parse": [] }));
        self.messages[at]["content"] = body["content"].clone();
        Answer::json(200, &self.messages[at])
    }

    fn vanish(&mut self) {
        self.messages.clear();
    }

    fn says(&self, words: &str) -> usize {
        let says = |message: &Value| message["content"].to_string().contains(words);
        self.messages.iter().filter(|message| says(message)).count()
    }

    fn answer(&mut self, call: &Call) -> Answer {
        assert!(call.is("GET", &Self::path()), "{call:?}");
        let webhook = json!({ "id": "9", "name": "x", "channel_id": "77", "guild_id": "5" });
        Answer::json(200, &webhook)
    }

    fn take(&mut self, call: &Call) -> Answer {
        let body = call.json();
        assert!(call.path.ends_with("?wait=true"), "{}", call.path);
        assert_eq!(body["allowed_mentions"], json!({ "parse": [] }));
        assert_eq!(body["username"], "The blog");
        let id = (self.messages.len() + 2).to_string();
        let message = json!({ "id": id, "channel_id": "77", "content": body["content"] });
        self.messages.push(message.clone());
        Answer::json(200, &message)
    }

    /// It would show it twice, which is the doing of whoever repeated it.
    fn repeated(&mut self, _: &Call) -> Answer {
        Answer::json(409, &json!({}))
    }

    fn alter(&mut self) {
        for message in &mut self.messages {
            message["content"] = json!("altered");
        }
    }

    fn rate_limit(&self, wait: Duration, _: Time) -> Answer {
        let wait = wait.as_secs_f64() - 0.25;
        Answer::json(429, &json!({ "message": "slow", "retry_after": wait, "global": true }))
    }

    fn expire(&mut self) -> Answer {
        // Servers repeat the path that they do not know.
        let message = format!("{} is unknown", Self::path());
        Answer::json(404, &json!({ "message": message, "code": 10015 }))
    }

    fn refuse(&self) -> Answer {
        Answer::json(400, &json!({ "message": "Invalid Form Body", "code": 50035 }))
    }

    fn seen(&self) -> usize {
        self.messages.len()
    }
}
