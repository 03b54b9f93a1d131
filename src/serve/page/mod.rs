//! `/`: one page for people, on a phone too. It is read-only; to begin a post or to tick it off takes a
//! session, which the control socket grants by a link that opens once.
//!
//! Nothing on it comes from elsewhere, and what others have written is text and never markup.

mod view;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, LOCATION, REFERRER_POLICY,
    SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::desk::hand::Say;
use crate::desk::verb::Answer;
use crate::desk::{Failure, exit};
use crate::model::Status;

use super::Shared;
use super::visitors::{LINK_FOR, SESSION_FOR, Session};

/// The cookie of a session.
const SESSION: &str = "oncecast_session";
/// No form of this page is longer.
const FORM_MAX: usize = 16 << 10;
/// The page may load its own two files, send its own forms, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";
/// Says whether another site's page sent a request.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The ways of the page.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(page))
        .route("/enter", get(invitation).post(enter))
        .route("/leave", post(leave))
        .route("/hand/{act}", post(hand))
        .route("/page.css", get(style))
        .route("/page.js", get(script))
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .layer(axum::middleware::map_response(careful))
}

impl Shared {
    /// A link to the page for `who`, with which one browser may act.
    ///
    /// # Errors
    /// Where nothing is served to go to.
    pub fn invite(&self, who: &str) -> Result<Answer, Failure> {
        let address = self.address().ok_or_else(|| {
            Failure::new(exit::UNAVAILABLE, "the daemon does not serve its page yet; try again")
        })?;
        let link = format!("http://{address}/enter?key={}", self.visitors.invite(who));
        let minutes = LINK_FOR.as_secs() / 60;
        let mut note = format!("it opens once, within {minutes} minutes");
        if address.ip().is_unspecified() {
            note += "; write an address of this machine in place of the zeros";
        }
        Ok(Answer::Page { link, note })
    }

    fn visitor(&self, headers: &HeaderMap) -> Option<Session> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|value| value.split(';')).filter_map(|p| p.split_once('='));
        let (_, cookie) = pairs.find(|(name, _)| name.trim() == SESSION)?;
        self.visitors.session(cookie.trim(), self.clock.now())
    }

    /// Who sends a form, if it is one of ours; else in words why it is not taken.
    fn sender(&self, headers: &HeaderMap, form: &Form) -> Result<Session, &'static str> {
        if is_foreign(headers) {
            return Err(FOREIGN);
        }
        let session = self
            .visitor(headers)
            .ok_or("to act from the page, open the link that `oncecast page` prints\n")?;
        if !self.visitors.is_ours(&session, form.field("token")) {
            return Err("this form is not one that this session was shown; open the page again\n");
        }
        Ok(session)
    }
}

const FOREIGN: &str = "this form was sent from elsewhere\n";

/// Whether a browser says that another site's page sent this.
fn is_foreign(headers: &HeaderMap) -> bool {
    headers.get(FETCH_SITE).is_some_and(|site| site != "same-origin")
}

fn forbidden(words: &'static str) -> Response {
    (StatusCode::FORBIDDEN, words).into_response()
}

/// The fields of a form.
struct Form(Vec<(String, String)>);

impl Form {
    fn of(bytes: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(bytes).into_owned().collect())
    }

    fn field(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.trim()).unwrap_or_default()
    }

    fn filled(&self, name: &str) -> Option<String> {
        Some(self.field(name)).filter(|value| !value.is_empty()).map(str::to_owned)
    }
}

async fn page(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let session = shared.visitor(&headers);
    html(view::page(&shared, session.as_ref()).await)
}

async fn invitation(RawQuery(query): RawQuery) -> Response {
    // A link alone opens nothing: whoever looks ahead of a person into it does not use it up.
    let form = Form::of(query.unwrap_or_default().as_bytes());
    html(view::enter(form.field("key"), false))
}

async fn enter(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    if is_foreign(&headers) {
        return forbidden(FOREIGN);
    }
    let form = Form::of(&body);
    match shared.visitors.enter(form.field("key"), shared.clock.now()) {
        Some(cookie) => with_cookie(&cookie, SESSION_FOR.as_secs()),
        None => (StatusCode::FORBIDDEN, html(view::enter("", true))).into_response(),
    }
}

async fn leave(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    match shared.sender(&headers, &Form::of(&body)) {
        Ok(_) => with_cookie("", 0),
        Err(no) => forbidden(no),
    }
}

async fn hand(
    State(shared): State<Arc<Shared>>,
    Path(act): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::of(&body);
    let session = match shared.sender(&headers, &form) {
        Ok(session) => session,
        Err(no) => return forbidden(no),
    };
    let delivery = form.field("delivery").to_owned();
    let attempt = form.field("attempt").parse().ok();
    let say = match act.as_str() {
        "open" => Say::Open { delivery },
        "done" => Say::Done { delivery, url: form.filled("url") },
        "not-posted" => Say::NotPosted { delivery, attempt },
        "skip" => Say::Skip { delivery, reason: form.field("reason").to_owned(), attempt },
        _ => return (StatusCode::NOT_FOUND, "there is no such act\n").into_response(),
    };
    let who = format!("{}, on the page", session.who);
    let answer = shared.hand(say, &who).await;
    shared.ring();
    let opened = match answer {
        Ok(Answer::HandOpen { item }) => Some(view::anchor(&item)),
        Ok(Answer::Moved { deliveries }) => {
            let words = deliveries.first().map(|view| match view.status {
                Status::Published { .. } => format!("Recorded: {} is there.", view.name()),
                Status::Withdrawn { .. } => format!("{} will not be posted.", view.name()),
                _ => format!("{} is back on the list.", view.name()),
            });
            shared.visitors.say(&session, words.unwrap_or_default());
            None
        }
        Ok(_) => None,
        Err(failure) => {
            shared.visitors.say(&session, format!("Nothing was done: {failure}"));
            None
        }
    };
    let place = opened.map_or_else(|| "/".to_owned(), |anchor| format!("/#{anchor}"));
    (StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response()
}

async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("page.css")).into_response()
}

async fn script() -> Response {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("page.js")).into_response()
}

/// Back to the page, with a cookie that no script reads and no other site sends.
fn with_cookie(cookie: &str, seconds: u64) -> Response {
    let cookie =
        format!("{SESSION}={cookie}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}");
    (StatusCode::SEE_OTHER, [(SET_COOKIE, cookie), (LOCATION, "/".to_owned())]).into_response()
}

fn html(made: Result<String, minijinja::Error>) -> Response {
    match made {
        Ok(text) => ([(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the page cannot be made");
            (StatusCode::INTERNAL_SERVER_ERROR, "the page cannot be made; see the log\n")
                .into_response()
        }
    }
}

/// What every answer of the page says to the browser.
async fn careful(mut answer: Response) -> Response {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "same-origin"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}
