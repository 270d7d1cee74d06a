//! The scenario, compiled: each request's bytes are made once, before the run.

use loads_wire::external::label;
use loads_wire::plan::{HttpPlan, HttpRequest};
use url::Url;

use super::draw::Weights;
use super::target::Target;
use crate::executor::Error;

/// What every lane reads and none changes.
#[derive(Debug)]
pub struct Scenario {
    /// In the plan's order.
    pub requests: Vec<Request>,
    /// The servers, each once.
    pub targets: Vec<Target>,
    /// Set when executions are draws.
    pub weights: Option<Weights>,
}

/// One request, ready to be written.
#[derive(Debug)]
pub struct Request {
    /// Index into [`Scenario::targets`].
    pub target: usize,
    /// Name in results.
    pub label: String,
    /// GET, POST, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The whole HTTP/1.1 request.
    pub bytes: Box<[u8]>,
    /// All headers but Host, Connection and Content-Length, for HTTP/2.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
    /// Whether sending it twice does no harm (RFC 9110 §9.2.2).
    pub idempotent: bool,
    /// Whether the answer has no body.
    pub is_head: bool,
    /// The status that counts as success; none: 200 to 399.
    pub expect: Option<u16>,
}

impl Request {
    /// Whether this status is what the test wants.
    #[inline]
    pub fn expects(&self, status: u16) -> bool {
        self.expect.map_or((200..400).contains(&status), |expected| expected == status)
    }

    /// What was wrong about this status.
    pub fn unexpected(&self, status: u16) -> String {
        match self.expect {
            Some(expected) => format!("status {status}, expected {expected}"),
            None => format!("status {status}, expected 200 to 399"),
        }
    }
}

impl Scenario {
    /// Compiles the plan's requests.
    pub fn new(plan: &HttpPlan, server_url: Option<&str>) -> Result<Self, Error> {
        if plan.requests.is_empty() {
            return Err(wrong("requests", "there is none", "name at least one request"));
        }
        let mut targets: Vec<Target> = Vec::new();
        let mut requests = Vec::new();
        for (index, request) in plan.requests.iter().enumerate() {
            let place = format!("requests[{index}]");
            let url = full_url(request, server_url, &place)?;
            let target = Target::of(&url).ok_or_else(|| {
                wrong(&place, &format!("`{url}` is neither http nor https"), "use an http:// or https:// URL")
            })?;
            let known = targets.iter().position(|t| t.is_same(&target));
            let number = known.unwrap_or(targets.len());
            requests.push(compile(request, &url, number, &target, &place)?);
            if known.is_none() {
                targets.push(target);
            }
        }
        let drawn = plan.requests.iter().any(|request| request.weight.is_some());
        let weights = Weights::new(plan.requests.iter().map(|request| request.weight.unwrap_or(1)));
        if drawn && weights.is_none() {
            return Err(wrong("requests", "all weights are 0", "give a request a weight of at least 1"));
        }
        Ok(Self { requests, targets, weights: weights.filter(|_| drawn) })
    }
}

fn wrong(place: &str, what: &str, remedy: &str) -> Error {
    Error::Configuration(format!("http executor, {place}: {what}; {remedy}"))
}

fn full_url(request: &HttpRequest, server_url: Option<&str>, place: &str) -> Result<Url, Error> {
    let text = if request.path.contains("://") {
        request.path.clone()
    } else {
        let server = server_url.ok_or_else(|| {
            let what = format!("`{}` is a path, but there is no server URL", request.path);
            wrong(place, &what, "set serverUrl, or write a whole URL")
        })?;
        let slash = if request.path.starts_with('/') { "" } else { "/" };
        format!("{}{slash}{}", server.trim_end_matches('/'), request.path)
    };
    let url = Url::parse(&text).map_err(|error| {
        wrong(place, &format!("`{text}` is not a URL ({error})"), "write http://HOST[:PORT]/PATH")
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        let remedy = "send an Authorization header instead";
        return Err(wrong(place, "user name and password in a URL are not sent", remedy));
    }
    Ok(url)
}

fn compile(
    request: &HttpRequest,
    url: &Url,
    number: usize,
    target: &Target,
    place: &str,
) -> Result<Request, Error> {
    let method = request.method.as_str();
    if !is_token(method) || method == "CONNECT" {
        let what = format!("`{method}` is not a method that can be sent");
        return Err(wrong(place, &what, "use GET, POST, PUT, …"));
    }
    for (name, value) in &request.headers {
        check_header(name, value, place)?;
    }
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let mut headers: Vec<(String, String)> =
        request.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    if !has(request, "user-agent") {
        headers.insert(0, ("User-Agent".into(), concat!("loads/", env!("CARGO_PKG_VERSION")).into()));
    }
    Ok(Request {
        target: number,
        label: request.label.clone().unwrap_or_else(|| label(url.as_str().into()).into_owned()),
        method: method.to_owned(),
        bytes: head_and_body(request, target, &path, &headers),
        path,
        headers,
        body: request.body.clone(),
        idempotent: matches!(method, "GET" | "HEAD" | "PUT" | "DELETE" | "OPTIONS" | "TRACE"),
        is_head: method == "HEAD",
        expect: request.expect_status,
    })
}

fn head_and_body(
    request: &HttpRequest,
    target: &Target,
    path: &str,
    headers: &[(String, String)],
) -> Box<[u8]> {
    let mut head = format!("{} {path} HTTP/1.1\r\n", request.method);
    let mut add = |name: &str, value: &str| {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    };
    if !has(request, "host") {
        add("Host", &target.authority);
    }
    for (name, value) in headers {
        add(name, value);
    }
    if !has(request, "connection") {
        add("Connection", "keep-alive");
    }
    let body = request.body.as_deref();
    if body.is_some() || matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") {
        add("Content-Length", &body.map_or(0, str::len).to_string());
    }
    head.push_str("\r\n");
    head.push_str(body.unwrap_or_default());
    head.into_bytes().into_boxed_slice()
}

fn has(request: &HttpRequest, header: &str) -> bool {
    request.headers.keys().any(|name| name.eq_ignore_ascii_case(header))
}

fn check_header(name: &str, value: &str, place: &str) -> Result<(), Error> {
    if !is_token(name) {
        return Err(wrong(place, &format!("`{name}` is not a header name"), "use letters, digits and `-`"));
    }
    if value.bytes().any(|byte| byte == 0x7f || (byte < b' ' && byte != b'\t')) {
        let what = format!("header `{name}` has a control character in its value");
        return Err(wrong(place, &what, "remove it (a line break, most often)"));
    }
    let ours = ["content-length", "transfer-encoding"].iter().any(|own| name.eq_ignore_ascii_case(own));
    if ours {
        let what = format!("header `{name}` follows from the body");
        return Err(wrong(place, &what, "remove the header and set `body`"));
    }
    Ok(())
}

fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
#[path = "scenario_tests.rs"]
mod tests;
