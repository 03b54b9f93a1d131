//! From the outline of a call to its request: every template rendered for the place it stands in.

use serde_json::Value;

use super::Described;
use super::values::{Place, Scope, encode};
use crate::adapter::{Unfit, mark};
use crate::config::describe::{Outline, Verb};
use crate::model::{Method, Request};

/// The request of an outline; `verb` is meant where it names none.
pub(super) fn request(
    adapter: &Described,
    outline: &Outline,
    verb: Verb,
    scope: &Scope<'_>,
) -> Result<Request, Unfit> {
    let method = match outline.method.unwrap_or(verb) {
        Verb::Get => Method::Get,
        Verb::Post => Method::Post,
        Verb::Put => Method::Put,
        Verb::Patch => Method::Patch,
        Verb::Delete => Method::Delete,
    };
    let mut request = Request { method, ..Request::get(path(adapter, outline, scope)?) };
    if let Some(json) = &outline.json {
        request.headers.push(("content-type".to_owned(), "application/json".to_owned()));
        request.body = filled(json, scope)?.unwrap_or(Value::Null).to_string();
    } else if let Some(form) = &outline.form {
        let kind = "application/x-www-form-urlencoded";
        request.headers.push(("content-type".to_owned(), kind.to_owned()));
        request.body = pairs(form, scope)?;
    } else if let Some(body) = &outline.body {
        request.headers.push(("content-type".to_owned(), "text/plain; charset=utf-8".to_owned()));
        request.body = scope.render(body, Place::Text)?;
    }
    for (name, template) in &outline.headers {
        let value = scope.header(template, Place::Text)?;
        let name = name.to_ascii_lowercase();
        request.headers.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            request.headers.push((name, value));
        }
    }
    Ok(request)
}

fn path(adapter: &Described, outline: &Outline, scope: &Scope<'_>) -> Result<String, Unfit> {
    let mut path = scope.render(&outline.path, Place::Path)?;
    let query = pairs(&outline.query, scope)?;
    // What follows the `?` of a secret address stands behind its own path, and what is ours behind that.
    let address = adapter.description.address.as_ref();
    match address.filter(|name| outline.path.contains(name.as_str())) {
        Some(name) if query.is_empty() => path.push_str(&mark(&format!("end {name}"))),
        Some(name) => path.push_str(&(mark(&format!("query {name}")) + &query)),
        None if query.is_empty() => {}
        None => {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(&query);
        }
    }
    Ok(path)
}

/// `name=value&name=value`, without those that come to nothing.
fn pairs(
    pairs: &std::collections::BTreeMap<String, String>,
    scope: &Scope<'_>,
) -> Result<String, Unfit> {
    let mut out = Vec::new();
    for (name, template) in pairs {
        // Rendered whole and encoded then, so that its own letters are encoded too.
        let value = scope.render(template, Place::Json)?;
        if !value.is_empty() {
            // A secret stands in a form as it does in an address.
            let value = value.replace("\u{fdd0}json ", "\u{fdd0}path ");
            out.push(format!("{}={}", encode(name), encode(&value)));
        }
    }
    Ok(out.join("&"))
}

/// The JSON with every text rendered; what is a single expression that comes to none is left out.
fn filled(json: &Value, scope: &Scope<'_>) -> Result<Option<Value>, Unfit> {
    Ok(Some(match json {
        Value::String(template) => return scope.json(template),
        Value::Array(items) => {
            let mut out = Vec::new();
            for item in items {
                out.extend(filled(item, scope)?);
            }
            Value::Array(out)
        }
        Value::Object(fields) => {
            let mut out = serde_json::Map::new();
            for (name, value) in fields {
                out.extend(filled(value, scope)?.map(|value| (name.clone(), value)));
            }
            Value::Object(out)
        }
        plain => plain.clone(),
    }))
}
