//! Discord, as its documentation has it: a bot's nonce is remembered for a few minutes.

use std::time::Duration;

use oncecast::model::Time;
use serde_json::{Value, json};

use super::{Answer, Call, Platform, secret};

/// "The past few minutes".
const NONCES: Duration = Duration::from_secs(3 * 60);
const CHANNEL: &str = "77";

#[derive(Default)]
pub struct Discord {
    /// Whether the bot was not invited to the channel.
    shut: bool,
    /// Message, its nonce, and when it was made.
    messages: Vec<(Value, String, Time)>,
}

impl Discord {
    pub fn shut() -> Self {
        Self { shut: true, messages: Vec::new() }
    }
}

impl Platform for Discord {
    fn config(&self, url: &str) -> String {
        format!(
            "[[integration]]\nname = \"bot\"\nkind = \"discord\"\nurl = \"{url}/api/v10\"\n\
             token = {{ env = \"KIT_TOKEN\" }}\n\
             [[group]]\nname = \"readers\"\nintegration = \"bot\"\nroom = \"{CHANNEL}\"\n"
        )
    }

    fn publishes(&self, call: &Call) -> bool {
        call.is("POST", "/api/v10/channels/77/messages")
    }

    fn changes(&self, call: &Call) -> bool {
        call.path.starts_with("/api/v10/channels/77/messages/") && call.method != "GET"
    }

    fn change(&mut self, call: &Call) -> Answer {
        let id = call.path.rsplit('/').next().unwrap();
        let Some(at) = self.messages.iter().position(|message| message.0["id"] == id) else {
            return Answer::json(404, &json!({ "message": "Unknown Message", "code": 10008 }));
        };
        if call.method == "DELETE" {
            self.messages.remove(at);
            return Answer::text(204, "");
        }
        let body = call.json();
        assert_eq!(body["allowed_mentions"], json!({ "parse": [] }));
        self.messages[at].0["content"] = body["content"].clone();
        Answer::json(200, &self.messages[at].0)
    }

    fn vanish(&mut self) {
        self.messages.clear();
    }

    fn says(&self, words: &str) -> usize {
        let says = |message: &Value| message["content"].to_string().contains(words);
        self.messages.iter().filter(|message| says(&message.0)).count()
    }

    fn answer(&mut self, call: &Call) -> Answer {
        assert_eq!(call.header("authorization"), format!("Bot {}", secret("KIT_TOKEN")));
        assert!(call.header("user-agent").starts_with("DiscordBot ("));
        if call.is("GET", "/api/v10/users/@me") {
            return Answer::json(200, &json!({ "id": "42", "username": "blog", "bot": true }));
        }
        if call.is("GET", "/api/v10/channels/77") && self.shut {
            return Answer::json(403, &json!({ "message": "Missing Access", "code": 50001 }));
        }
        if call.is("GET", "/api/v10/channels/77") {
            return Answer::json(200, &json!({ "id": CHANNEL, "type": 0, "guild_id": "5" }));
        }
        assert!(call.is("GET", "/api/v10/channels/77/messages"), "{call:?}");
        if call.path.contains("before=1") {
            return Answer::json(200, &json!([]));
        }
        let older = json!({
            "id": "1",
            "timestamp": "2026-01-01T00:00:00.000000+00:00",
            "content": "welcome",
            "author": { "id": "7" },
        });
        let newest = self.messages.iter().rev().map(|(message, ..)| message.clone());
        Answer::json(200, &newest.chain([older]).collect::<Value>())
    }

    fn take(&mut self, call: &Call) -> Answer {
        let body = call.json();
        assert_eq!(body["allowed_mentions"], json!({ "parse": [] }));
        assert_eq!(body["enforce_nonce"], true);
        let nonce = body["nonce"].as_str().unwrap().to_owned();
        assert_eq!(nonce.len(), 25);
        let known = self
            .messages
            .iter()
            .find(|(_, known, at)| *known == nonce && call.now.since(*at) < NONCES);
        if let Some((message, ..)) = known {
            return Answer::json(200, message);
        }
        let message = json!({
            "id": (self.messages.len() + 2).to_string(),
            "channel_id": CHANNEL,
            "timestamp": call.now.to_string(),
            "content": body["content"],
            "author": { "id": "42" },
        });
        self.messages.push((message.clone(), nonce, call.now));
        Answer::json(200, &message)
    }

    /// "Discord may strip certain characters from message content".
    fn alter(&mut self) {
        for (message, ..) in &mut self.messages {
            let content = message["content"].as_str().unwrap();
            message["content"] = json!(content.replace("\n\n", "\n").replace('\\', ""));
        }
    }

    fn forget_keys(&mut self) {
        self.messages.iter_mut().for_each(|(_, nonce, _)| nonce.clear());
    }

    fn rate_limit(&self, wait: Duration, _: Time) -> Answer {
        Answer::json(
            429,
            &json!({
                "message": "You are being rate limited.",
                "retry_after": wait.as_secs_f64() - 0.25,
                "global": false,
            }),
        )
        .with("x-ratelimit-reset", "1470173023.123")
    }

    fn expire(&mut self) -> Answer {
        Answer::json(401, &json!({ "message": "401: Unauthorized", "code": 0 }))
    }

    fn refuse(&self) -> Answer {
        Answer::json(400, &json!({ "message": "Invalid Form Body", "code": 50035 }))
    }

    fn seen(&self) -> usize {
        self.messages.len()
    }
}
