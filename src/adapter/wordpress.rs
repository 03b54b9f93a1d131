//! Another WordPress: a draft first, which nobody sees and which is found again by its address, then the
//! call that publishes it, which can be repeated.

use data_encoding::BASE64;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::{
    Adapter, Amending, Ask, Call, CallSecrets, Deed, Doubt, Known, Pictures, Piece, Post, Prepare,
    Said, SecretHeader, Shows, Stage, Unfit, answer, compose, draft,
};
use crate::config::{Group, Secret};
use crate::model::{
    Change, DeferCause, Effect, Found, Guarantee, IdempotencyKey, Method, Outcome, Reference,
    Request, Response, Time,
};
use crate::post::fit::{Limit, Unit};
use crate::post::markup;
use crate::post::template::{Fields, Mentions};

/// WordPress has no limit; this is where a text stops being one.
const TEXT: Limit = Limit { unit: Unit::Bytes, max: 100_000, url_length: None, max_bytes: None };
/// <https://developer.wordpress.org/rest-api/reference/posts/>
const POSTS: &str = "/wp/v2/posts";
const ME: &str = "/wp/v2/users/me";
/// What of a post is read.
const FIELDS: &str = "context=edit&_fields=id,slug,status,link,date_gmt";

/// One user of one site.
#[derive(Debug)]
pub(super) struct WordPress {
    pub(super) url: Url,
    pub(super) user: String,
    /// An application password.
    pub(super) password: Secret,
}

impl WordPress {
    fn get(&self, path: impl Into<String>) -> Call {
        Call { secrets: vec![self.basic()].into(), ..Call::open(Request::get(path)) }
    }

    fn basic(&self) -> SecretHeader {
        let pair = format!("{}:{}", self.user, self.password.value.expose_secret());
        let value = format!("Basic {}", BASE64.encode(pair.as_bytes()));
        ("authorization".to_owned(), SecretString::from(value))
    }

    fn credential(&self) -> String {
        format!("the application password of {} from {}", self.user, self.password.source)
    }

    fn call(&self, request: Request) -> Stage {
        Stage::Call(Call { secrets: vec![self.basic()].into(), ..Call::open(request) })
    }
}

impl Adapter for WordPress {
    fn guarantee(&self, _: &Known) -> Guarantee {
        Guarantee::TwoPhase
    }

    fn prepare(&self, known: &Known, answers: &[Response], _: &Group, now: Time) -> Prepare {
        let password = self.password.value.expose_secret();
        let mut known = known.of_login(&[self.url.as_str(), &self.user, password]);
        if known.is_fresh(now) && known.fact("account").is_some() {
            return Prepare::Ready(known);
        }
        // A site without pretty permalinks has its API in the query alone.
        let styles = [PRETTY, PLAIN];
        for (style, response) in styles.iter().zip(answers) {
            match (answer::object(response), response.status) {
                (Some(me), _) => {
                    let Some(id) = me["id"].as_u64() else { break };
                    if me["capabilities"]["publish_posts"] != true {
                        return Prepare::Denied(format!(
                            "{} may not publish posts there; give it the role of an author",
                            self.user
                        ));
                    }
                    known.facts.insert("account".to_owned(), id.to_string());
                    known.facts.insert("api".to_owned(), (*style).to_owned());
                    known.learnt = Some(now);
                    return Prepare::Ready(known);
                }
                (None, 401 | 403) => return answer::denied(response, &self.credential()),
                (None, 404) => {}
                (None, _) => return answer::later(response, "cannot log in"),
            }
        }
        match (styles.get(answers.len()), answers.last()) {
            (Some(style), _) if answers.iter().all(|answer| answer.status == 404) => {
                let query = "context=edit&_fields=id,name,capabilities";
                Prepare::Call(self.get(path(style, ME, query)))
            }
            (_, Some(last)) => answer::later(last, "there is no WordPress API"),
            (..) => Prepare::Later { wait: None, reason: "there is no WordPress API".to_owned() },
        }
    }

    fn compose(&self, piece: &Piece<'_>, _: &Known) -> Result<Post, Unfit> {
        let post = compose::by(compose::BELOW_TITLE, piece, Mentions::Keep, &TEXT)?;
        let title = Fields::of(piece.entry, Mentions::Keep).title;
        Ok(Post { title: Some(title), ..post })
    }

    fn request(&self, post: &Post, piece: &Piece<'_>, known: &Known) -> Result<Request, Unfit> {
        let mut body = content(post);
        body["slug"] = json!(draft::slug(post, piece));
        body["status"] = json!("draft");
        Ok(Request::json(Method::Post, path(api(known), POSTS, ""), &body))
    }

    fn stage(&self, post: &Post, piece: &Piece<'_>, known: &Known, answers: &[Response]) -> Stage {
        let api = api(known);
        let Some(found) = answers.first() else {
            let query = format!("slug={}&status=any&{FIELDS}", draft::slug(post, piece));
            return Stage::Call(self.get(path(api, POSTS, &query)));
        };
        let found = match found.json() {
            Value::Array(list) if found.status == 200 => list.into_iter().next(),
            _ => return draft::failed(found, "cannot look for its draft"),
        };
        let publish = |id: u64| Stage::Ready {
            request: Request::json(
                Method::Post,
                path(api, &format!("{POSTS}/{id}"), ""),
                &json!({ "status": "publish" }),
            ),
            notes: Vec::new(),
        };
        match (found, answers.get(1)) {
            // Its draft, from before a crash, or from before its entry was edited.
            (Some(post_there), made) if is_unseen(&post_there) => {
                let Some(id) = post_there["id"].as_u64() else {
                    return Stage::Unfit(Unfit("its draft has no id".to_owned()));
                };
                match made {
                    None => {
                        let path = path(api, &format!("{POSTS}/{id}"), "");
                        self.call(Request::json(Method::Post, path, &content(post)))
                    }
                    Some(made) if answer::object(made).is_some() => publish(id),
                    Some(made) => draft::failed(made, "cannot write its draft"),
                }
            }
            // It is out already: to publish it again changes nothing, and tells where it is.
            (Some(post_there), _) => match (post_there["id"].as_u64(), &post_there["status"]) {
                (Some(id), status) if status == "publish" => publish(id),
                (Some(_), status) => draft::taken_in_hand(status),
                (None, _) => Stage::Unfit(Unfit("the post at its address has no id".to_owned())),
            },
            (None, None) => match self.request(post, piece, known) {
                Ok(request) => self.call(request),
                Err(unfit) => Stage::Unfit(unfit),
            },
            (None, Some(made)) => match (made.status, made.json()["id"].as_u64()) {
                (200..=299, Some(id)) => publish(id),
                // It may be there, and is looked for next time.
                (200..=299, None) => draft::failed(&Response { status: 0, ..made.clone() }, LOST),
                _ => draft::failed(made, "cannot make its draft"),
            },
        }
    }

    fn pictures(&self) -> Pictures {
        Pictures::Carried
    }

    fn authorise(
        &self,
        _: &Request,
        _: &IdempotencyKey,
        _: &Known,
        _: Time,
    ) -> Result<CallSecrets, Unfit> {
        Ok(vec![self.basic()].into())
    }

    fn judge(&self, response: &Response) -> Outcome {
        match response.status {
            200..=299 => {
                let post = response.json();
                if is_unseen(&post) {
                    let reason = format!("it says published and shows {}", post["status"]);
                    return Outcome::Unknown { reason };
                }
                answer::success(response, reference(&post))
            }
            // 401 rest_cannot_edit, 403 rest_cannot_publish.
            401 | 403 => answer::deferred(DeferCause::Credentials, response),
            404 => Outcome::Refused {
                reason: format!("its draft is gone ({})", answer::words(response)),
            },
            429 => answer::rate_limited(response),
            _ => Outcome::from_status(response, Reference::default()),
        }
    }

    fn ask(&self, doubt: &Doubt<'_>, known: &Known, answers: &[Response]) -> Ask {
        let Some(id) = id_of(doubt.request) else {
            return draft::unsure("the stored request names no post");
        };
        let Some(found) = answers.first() else {
            return Ask::Call(self.get(path(api(known), &format!("{POSTS}/{id}"), FIELDS)));
        };
        let Some(post) = answer::object(found) else {
            let what = match found.status {
                404 | 410 => "its draft is gone; somebody has deleted it",
                _ => "cannot look at it",
            };
            return draft::unsure(&format!("{what} ({})", answer::words(found)));
        };
        match post["status"].as_str() {
            Some("publish" | "private") => Ask::Answer(Found::There(reference(&post))),
            Some("draft" | "pending" | "auto-draft") => Ask::Answer(Found::Absent),
            Some("trash") => draft::unsure("it is in the bin; somebody has put it there"),
            other => draft::unsure(&format!("its status there is {}", other.unwrap_or("unknown"))),
        }
    }

    fn shows(&self) -> Shows {
        Shows::All
    }

    fn look_around(&self, group: &Group, known: &Known, now: Time) -> Option<Call> {
        self.look_on(group, known, &[], now)
    }

    /// <https://developer.wordpress.org/rest-api/reference/posts/#list-posts>. A page behind the last one is
    /// an error there, so one that is not full is taken for the last.
    fn look_on(&self, _: &Group, known: &Known, answers: &[Response], _: Time) -> Option<Call> {
        let is_full = |page: &Response| page.json().as_array().is_some_and(|l| l.len() == PAGE);
        if answers.last().is_some_and(|last| !is_full(last)) {
            return None;
        }
        let page = answers.len() + 1;
        let query = format!("status=publish&per_page={PAGE}&page={page}&{LISTED}");
        Some(self.get(path(api(known), POSTS, &query)))
    }

    fn said(&self, _: &Group, _: &Known, answer: &Response) -> Option<Vec<Said>> {
        let posts = answer.json().as_array().filter(|_| answer.status == 200)?.clone();
        let said = |post: &Value| {
            let at = post["date_gmt"].as_str().and_then(|at| format!("{at}Z").parse().ok());
            let links = draft::links(post["content"]["rendered"].as_str().unwrap_or_default());
            Said { reference: reference(post), at: at.map(Time::from_timestamp), links }
        };
        Some(posts.iter().map(said).collect())
    }

    /// What is taken away goes to the bin, from which a person can bring it back.
    /// <https://developer.wordpress.org/rest-api/reference/posts/#delete-a-post>
    fn amend(&self, deed: &Deed<'_>, known: &Known, answers: &[Response]) -> Amending {
        let route = match deed.id() {
            Ok(id) => format!("{POSTS}/{}", answer::segment(id)),
            Err(why) => return answer::cannot(why),
        };
        let api = api(known);
        let Some(post) = deed.post.filter(|_| deed.change == Change::Update) else {
            let request = Request::get(path(api, &route, ""));
            return Amending::Ready(Request { method: Method::Delete, ..request });
        };
        let Some(found) = answers.first() else {
            return Amending::Call(self.get(path(api, &route, FIELDS)));
        };
        match (answer::object(found), found.status) {
            (Some(there), _) => match there["status"].as_str() {
                Some("publish" | "private") => {
                    let path = path(api, &route, "");
                    Amending::Ready(Request::json(Method::Post, path, &content(post)))
                }
                Some("trash") => Amending::Gone("it is in the bin there".to_owned()),
                other => {
                    let status = other.unwrap_or("of no known kind");
                    Amending::Cannot(format!("somebody has made it {status:?} there"))
                }
            },
            (None, 404 | 410) => Amending::Gone(answer::words(found)),
            (None, _) => answer::not_now(found, "cannot look at it", self.judge(found)),
        }
    }

    fn amended(&self, change: Change, response: &Response) -> Effect {
        match (response.status, change) {
            (404 | 410, _) => Effect::Gone { reason: answer::words(response) },
            (200..=299, Change::Retract) if response.json()["status"] == "publish" => {
                let reason = "it says deleted and shows it as published".to_owned();
                Effect::Not(Outcome::Unknown { reason })
            }
            _ => Effect::of(self.judge(response)),
        }
    }
}

/// Posts of one page, and what is read of each.
const PAGE: usize = 50;
const LISTED: &str = "_fields=id,link,date_gmt,content";
const LOST: &str = "its draft was answered without an id, and is looked for";
/// Where the API is, as a fact.
const PRETTY: &str = "/wp-json";
const PLAIN: &str = "/?rest_route=";

fn api(known: &Known) -> &str {
    known.fact("api").unwrap_or(PRETTY)
}

fn path(api: &str, route: &str, query: &str) -> String {
    match (query.is_empty(), api == PLAIN) {
        (true, _) => format!("{api}{route}"),
        (false, true) => format!("{api}{route}&{query}"),
        (false, false) => format!("{api}{route}?{query}"),
    }
}

/// The post that a stored request publishes.
fn id_of(request: &Request) -> Option<u64> {
    request.path.rsplit_once(POSTS)?.1.strip_prefix('/')?.parse().ok()
}

/// Title and text. An administrator's HTML is stored as it comes, and brackets are commands there: nothing
/// of either is left of the feed's own.
fn content(post: &Post) -> Value {
    let text = markup::paragraphs(&post.text);
    // From where it is: readers of both blogs see the same file.
    let picture = post.picture.as_ref().map(|picture| {
        let image = markup::image(&picture.url, picture.alt.as_deref().unwrap_or_default());
        format!("<figure>{image}</figure>\n")
    });
    let text = picture.unwrap_or_default() + &text;
    let text = text.replace('[', "&#91;").replace(']', "&#93;");
    json!({ "title": markup::title(post.title.as_deref().unwrap_or_default()), "content": text })
}

fn is_unseen(post: &Value) -> bool {
    matches!(post["status"].as_str(), Some("draft" | "pending" | "auto-draft"))
}

fn reference(post: &Value) -> Reference {
    let id = post["id"].as_u64().map(|id| id.to_string());
    Reference { id, url: answer::string(post, "link"), ..Reference::default() }
}
