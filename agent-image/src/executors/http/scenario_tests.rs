use super::*;

fn request(method: &str, path: &str) -> HttpRequest {
    HttpRequest {
        method: method.into(),
        path: path.into(),
        headers: std::collections::BTreeMap::new(),
        body: None,
        label: None,
        weight: None,
        expect_status: None,
    }
}

fn compiled(requests: Vec<HttpRequest>, server: Option<&str>) -> Result<Scenario, Error> {
    let plan = HttpPlan {
        requests,
        http2: false,
        connections: None,
        timeout_seconds: 1,
        insecure_skip_verify: false,
    };
    Scenario::new(&plan, server)
}

fn text(scenario: &Scenario, index: usize) -> String {
    String::from_utf8(scenario.requests[index].bytes.to_vec()).unwrap()
}

#[test]
fn a_request_carries_host_agent_connection_and_length() {
    let mut post = request("POST", "a?b=1#c");
    post.body = Some("naïve".into());
    post.headers.insert("X-Token".into(), "t".into());
    let scenario = compiled(vec![post], Some("http://127.0.0.1:81/base/")).unwrap();
    let agent = concat!("loads/", env!("CARGO_PKG_VERSION"));
    let expected = format!(
        "POST /base/a?b=1 HTTP/1.1\r\nHost: 127.0.0.1:81\r\nUser-Agent: {agent}\r\nX-Token: t\r\n\
         Connection: keep-alive\r\nContent-Length: 6\r\n\r\nnaïve"
    );
    assert_eq!(text(&scenario, 0), expected);
    assert_eq!(scenario.requests[0].label, "http://127.0.0.1:81/base/a");
}

#[test]
fn own_headers_take_the_place_of_the_usual_ones() {
    let mut get = request("GET", "/");
    for (name, value) in [("host", "other.test"), ("user-agent", "me"), ("connection", "close")] {
        get.headers.insert(name.into(), value.into());
    }
    let scenario = compiled(vec![get], Some("http://127.0.0.1:81")).unwrap();
    let text = text(&scenario, 0);
    assert_eq!(text, "GET / HTTP/1.1\r\nconnection: close\r\nhost: other.test\r\nuser-agent: me\r\n\r\n");
}

#[test]
fn whole_urls_name_further_servers_each_once() {
    let paths = ["/x", "http://127.0.0.1:82/y", "http://127.0.0.1:81/z", "https://127.0.0.1:82/"];
    let requests = paths.iter().map(|path| request("GET", path)).collect();
    let scenario = compiled(requests, Some("http://127.0.0.1:81")).unwrap();
    let targets: Vec<_> = scenario.requests.iter().map(|r| r.target).collect();
    assert_eq!((targets, scenario.targets.len()), (vec![0, 1, 0, 2], 3));
}

#[test]
fn weights_make_draws_and_a_missing_one_counts_as_one() {
    let mut heavy = request("GET", "/a");
    heavy.weight = Some(3);
    let drawn = compiled(vec![heavy, request("GET", "/b")], Some("http://127.0.0.1")).unwrap();
    assert_eq!(drawn.weights, Weights::new([3, 1]));
    let listed = compiled(vec![request("GET", "/b")], Some("http://127.0.0.1")).unwrap();
    assert_eq!(listed.weights, None);
}

#[test]
fn the_expected_status_is_the_named_one_or_any_good_one() {
    let mut missing = request("GET", "/");
    missing.expect_status = Some(404);
    let scenario = compiled(vec![missing, request("GET", "/")], Some("http://127.0.0.1")).unwrap();
    let [named, any] = &scenario.requests[..] else { panic!("two requests") };
    assert!(named.expects(404) && !named.expects(200));
    assert!(any.expects(200) && any.expects(302) && !any.expects(400) && !any.expects(101));
    assert_eq!(any.unexpected(503), "status 503, expected 200 to 399");
}

#[test]
fn what_can_not_be_sent_is_refused_with_place_and_remedy() {
    let header = |name: &str, value: &str| {
        let mut get = request("GET", "/");
        get.headers.insert(name.into(), value.into());
        get
    };
    let mut weightless = request("GET", "/");
    weightless.weight = Some(0);
    let cases = [
        (request("GET", "/"), None, "serverUrl"),
        (request("GET", "ftp://127.0.0.1/"), None, "neither http nor https"),
        (request("GET", "http://u:p@127.0.0.1/"), None, "Authorization"),
        (request("GET", "http://:1"), None, "not a URL"),
        (request("GE T", "/"), Some("http://127.0.0.1"), "not a method"),
        (header("X\r\n", "1"), Some("http://127.0.0.1"), "not a header name"),
        (header("X", "1\r\nY: 2"), Some("http://127.0.0.1"), "control character"),
        (header("Content-Length", "1"), Some("http://127.0.0.1"), "follows from the body"),
        (weightless, Some("http://127.0.0.1"), "weights are 0"),
    ];
    for (request, server, part) in cases {
        let message = compiled(vec![request], server).unwrap_err().to_string();
        assert!(message.starts_with("http executor, requests") && message.contains(part), "{message}");
    }
}
