//! `Link` headers (RFC 8288): where a server, rather than its document, names a feed's hub, its own address,
//! or the endpoint of a page.

use url::Url;

use super::Response;

/// As many are taken as anybody needs.
const LINKS_MAX: usize = 8;

/// The addresses that `Link` headers name under a relation, absolute, in their order.
#[must_use]
pub fn named(response: &Response, base: &Url, relation: &str) -> Vec<String> {
    let values = response.headers.iter().filter(|(name, _)| name == "link");
    values
        .flat_map(|(_, value)| links(value))
        .filter(|(_, rel)| rel.split_whitespace().any(|rel| rel.eq_ignore_ascii_case(relation)))
        .filter_map(|(target, _)| base.join(target).ok())
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.username().is_empty())
        .map(String::from)
        .take(LINKS_MAX)
        .collect()
}

/// Target and relation of each link of one header.
fn links(mut value: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    while let Some((_, rest)) = value.split_once('<') {
        let Some((target, rest)) = rest.split_once('>') else { break };
        // Parameters end where the next link begins.
        let end = rest.find('<').unwrap_or(rest.len());
        let rel = rest[..end].split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let is_rel = name.trim().eq_ignore_ascii_case("rel");
            is_rel.then(|| value.trim().trim_end_matches(',').trim().trim_matches('"'))
        });
        found.extend(rel.map(|rel| (target.trim(), rel)));
        value = &rest[end..];
        if found.len() == LINKS_MAX {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_is_found_in_headers_however_they_are_written() {
        let base = Url::parse("https://blog.example/feed/").expect("a url");
        let of = |values: &[&str], relation: &str| {
            let headers = values.iter().map(|v| ("link".to_owned(), (*v).to_owned())).collect();
            named(&Response { headers, ..Response::default() }, &base, relation)
        };
        let both =
            "<https://hub.example/>; rel=\"hub\", <https://blog.example/feed/>; rel=\"self\"";
        assert_eq!(of(&[both], "hub"), ["https://hub.example/"]);
        assert_eq!(of(&[both], "self"), ["https://blog.example/feed/"]);
        assert_eq!(of(&["</hub>; title=x; REL=Hub"], "hub"), ["https://blog.example/hub"]);
        assert_eq!(of(&["<//a.example>;rel=\"x hub\"", "<b>;rel=hub"], "hub").len(), 2);
        for bad in ["<javascript:x>; rel=hub", "<https://h", "rel=hub", "<x>; rel", "<a>; hub"] {
            assert_eq!(of(&[bad], "hub"), [""; 0], "{bad}");
        }
        assert!(of(&[&"<x>; rel=hub, ".repeat(1_000)], "hub").len() <= LINKS_MAX);
    }
}
