//! The page for people: its files and the headers that they go out with. What it shows comes from the admin interface. No I/O of its own.

pub(crate) mod events;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};

/// Everything from here, nothing from elsewhere, and no script but the file: a name that somebody gave can't become one. The icon is an empty one in
/// the page itself, since a browser's request for one would be taken for a call to a service.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = include_str!("page/page.html");

/// The files beside the page, with their types.
const FILES: [(&str, &str, &str); 5] = [
    ("/_emulator/page/page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    ("/_emulator/page/page.js", "text/javascript; charset=utf-8", include_str!("page/page.js")),
    ("/_emulator/page/tables.js", "text/javascript; charset=utf-8", include_str!("page/tables.js")),
    ("/_emulator/page/rows.js", "text/javascript; charset=utf-8", include_str!("page/rows.js")),
    ("/_emulator/page/words.js", "text/javascript; charset=utf-8", include_str!("page/words.js")),
];

/// Answers a browser that wants the page or one of its files; `None` for anything else.
pub(crate) fn page(request: &Request<Bytes>) -> Option<Response<Bytes>> {
    if request.method() != Method::GET {
        return None;
    }
    let path = request.uri().path();
    if path == "/" {
        return is_a_browsers(request).then(|| of_type("text/html; charset=utf-8", HTML));
    }
    FILES.iter().find(|(file, _, _)| *file == path).map(|(_, content_type, text)| of_type(content_type, text))
}

/// Clients of services sign what they send, name an operation in the query, or take JSON and XML.
fn is_a_browsers(request: &Request<Bytes>) -> bool {
    let accepts_html = |headers: &HeaderMap| {
        let mut accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        accepted.any(|types| types.contains("text/html"))
    };
    let headers = request.headers();
    request.uri().query().is_none() && !headers.contains_key(header::AUTHORIZATION) && accepts_html(headers)
}

fn of_type(content_type: &'static str, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, content_type);
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    // Another version of the emulator may listen there next time.
    set(header::CACHE_CONTROL, "no-store");
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(uri: &str, headers: &[(&'static str, &'static str)]) -> Option<Response<Bytes>> {
        let builder = Request::builder().uri(uri);
        let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
        page(&builder.body(Bytes::new()).unwrap())
    }

    const HTML_PLEASE: (&str, &str) = ("accept", "text/html,application/xhtml+xml;q=0.9");

    #[test]
    fn a_browser_gets_the_page_and_a_client_of_a_service_its_answer() {
        let page = get("/", &[HTML_PLEASE]).unwrap();
        let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
        for (uri, headers) in [
            ("/", &[][..]),
            ("/", &[("accept", "*/*")]),
            ("/", &[HTML_PLEASE, ("authorization", "AWS4-HMAC-SHA256 Credential=…")]),
            ("/?Action=GetCallerIdentity&Version=2011-06-15", &[HTML_PLEASE]),
            ("/things", &[HTML_PLEASE]),
            ("/_emulator/page/other.js", &[HTML_PLEASE]),
        ] {
            assert!(get(uri, headers).is_none(), "{uri} {headers:?}");
        }
    }

    #[test]
    fn the_page_asks_for_nothing_but_its_own_files_and_each_of_them_is_there() {
        let named = HTML.split('"').filter(|text| text.starts_with('/') || text.contains("//"));
        for file in named {
            assert!(get(file, &[]).is_some(), "{file}");
        }
        for (path, _, text) in FILES {
            assert!(!text.contains("://") && !text.contains("innerHTML"), "{path}");
            for import in text.split("from \"./").skip(1) {
                let file = format!("/_emulator/page/{}", import.split('"').next().unwrap_or_default());
                assert!(get(&file, &[]).is_some(), "{path}: {file}");
            }
        }
        assert!(!HTML.contains("style=") && !HTML.contains("onclick"), "the policy forbids it");
    }
}
