//! Editing and deleting a status. An edit leaves out nothing that it had: what an edit does not name, such
//! as its pictures, the server takes away.

use serde_json::{Value, json};

use super::Mastodon;
use crate::adapter::{Adapter as _, Amending, Deed, answer};
use crate::model::{Change, Method, Request, Response};

/// The next step of a change. <https://docs.joinmastodon.org/methods/statuses/#edit>, `#delete`
pub(super) fn step(adapter: &Mastodon, deed: &Deed<'_>, answers: &[Response]) -> Amending {
    let path = match deed.id() {
        Ok(id) => format!("/api/v1/statuses/{}", answer::segment(id)),
        Err(why) => return answer::cannot(why),
    };
    let Some(post) = deed.post.filter(|_| deed.change == Change::Update) else {
        return Amending::Ready(Request { method: Method::Delete, ..Request::get(path) });
    };
    let Some(there) = answers.first() else { return Amending::Call(adapter.get(path)) };
    let status = match (answer::object(there), there.status) {
        (Some(status), _) => status,
        (None, 404 | 410) => return Amending::Gone(answer::words(there)),
        (None, _) => {
            return answer::not_now(there, "cannot look at the status", adapter.judge(there));
        }
    };
    let pictures = status["media_attachments"].as_array().map(Vec::as_slice).unwrap_or_default();
    let pictures: Vec<String> =
        pictures.iter().filter_map(|picture| answer::string(picture, "id")).collect();
    // One that its author no longer asks for stays: to take it away would show what was behind it.
    let there = status["spoiler_text"].as_str().unwrap_or_default();
    let warning = post.warning.as_deref().unwrap_or(there);
    let mut body = json!({
        "status": post.text,
        "media_ids": pictures,
        "sensitive": status["sensitive"] == true,
        "spoiler_text": warning,
    });
    if let Some(language) = post.language.as_deref().and_then(|tag| tag.split('-').next()) {
        body["language"] = Value::from(language.to_ascii_lowercase());
    }
    Amending::Ready(Request::json(Method::Put, path, &body))
}
