//! What each route answers.

use super::*;

#[tokio::test]
async fn the_page_says_what_the_server_offers() {
    let server = Server::start().await;
    let page = server.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    for offered in ["/auth", "/status/", "/slow?ms=", "/bytes/", "/redirect", "/ws", "/counts"] {
        assert!(page.body.contains(offered), "{offered}");
    }
}

#[tokio::test]
async fn auth_answers_the_user_name_or_asks_for_one() {
    let server = Server::start().await;
    let head = "GET /auth HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n";
    let named = server.ask(&format!("{head}Authorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n")).await;
    assert_eq!((named.status, named.body.as_str()), (200, "alice"));
    let unnamed = server.get("/auth").await;
    assert_eq!(unnamed.status, 401);
    assert_eq!(
        unnamed.header("www-authenticate"),
        Some("Basic realm=\"loads demo server\", charset=\"UTF-8\"")
    );
}

#[tokio::test]
async fn status_answers_every_final_status_and_refuses_others() {
    let server = Server::start().await;
    for code in [200, 201, 204, 205, 299, 304, 404, 418, 500, 599] {
        assert_eq!(server.get(&format!("/status/{code}")).await.status, code);
    }
    for wrong in ["100", "101", "199", "600", "-1", "abc", "99999999999"] {
        let answer = server.get(&format!("/status/{wrong}")).await;
        assert_eq!((answer.status, answer.body.contains("200 to 599")), (400, true), "{wrong}");
    }
}

#[tokio::test]
async fn a_connection_is_kept_after_a_request_with_a_body() {
    let server = Server::start().await;
    let answer = server
        .ask(
            "POST /status/201 HTTP/1.1\r\nHost: demo\r\nContent-Length: 5\r\n\r\nhello\
             GET /auth HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n",
        )
        .await;
    assert_eq!(answer.status, 201);
    assert!(answer.body.contains("HTTP/1.1 401"), "the second answer follows: {}", answer.body);
}

#[tokio::test]
async fn slow_waits_as_long_as_asked_and_refuses_more_than_a_minute() {
    let server = Server::start().await;
    let begun = std::time::Instant::now();
    assert_eq!(server.get("/slow?ms=120").await.body, "waited 120 ms\n");
    assert!(begun.elapsed().as_millis() >= 120);
    for wrong in ["60001", "-1", "soon", "1.5"] {
        assert_eq!(server.get(&format!("/slow?ms={wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn bytes_sends_exactly_so_many_with_their_length() {
    let server = Server::start().await;
    for n in [0, 1, 65_535, 65_536, 65_537, 1_000_000] {
        let answer = server.get(&format!("/bytes/{n}")).await;
        assert_eq!((answer.status, answer.body.len()), (200, n));
        assert_eq!(answer.header("content-length"), Some(n.to_string().as_str()));
    }
    assert_eq!(server.get("/bytes/1073741825").await.status, 400);
    assert_eq!(server.get("/bytes/many").await.status, 400);
}

#[tokio::test]
async fn head_answers_the_length_without_the_bytes() {
    let server = Server::start().await;
    let answer = server.ask("HEAD /bytes/1000 HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n").await;
    assert_eq!((answer.header("content-length"), answer.body.as_str()), (Some("1000"), ""));
}

#[tokio::test]
async fn redirect_goes_where_told_on_this_server_only() {
    let server = Server::start().await;
    let plain = server.get("/redirect").await;
    assert_eq!((plain.status, plain.header("location")), (302, Some("/")));
    let told = server.get("/redirect?to=/status/201&code=307").await;
    assert_eq!((told.status, told.header("location")), (307, Some("/status/201")));
    for wrong in [
        "to=http://example.com/",
        "to=//example.com",
        "to=/%5cexample.com",
        "to=",
        "to=/a%0d%0ab",
        "code=200",
    ] {
        let answer = server.get(&format!("/redirect?{wrong}")).await;
        assert_eq!((answer.status, answer.header("location")), (400, None), "{wrong}");
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_told_so() {
    let server = Server::start().await;
    assert_eq!(server.get("/nowhere").await.status, 404);
    let posted = server
        .ask("POST /auth HTTP/1.1\r\nHost: demo\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!((posted.status, posted.header("allow")), (405, Some("GET,HEAD")));
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_says_what_to_do() {
    let server = Server::start().await;
    let args = Args { listen: server.address.to_string(), ..Args::default() };
    let message = bind(&args).await.unwrap_err().to_string();
    assert_eq!(
        message,
        format!(
            "demo server: cannot listen on {}: another program already uses this port; stop that program, \
             or choose another port, for example `--listen 127.0.0.1:0` for any free one",
            server.address
        )
    );
}

#[tokio::test]
async fn an_address_that_is_none_is_an_error_that_says_what_to_do() {
    let args = Args { listen: "127.0.0.1".into(), ..Args::default() };
    let message = bind(&args).await.unwrap_err().to_string();
    assert!(message.starts_with("demo server: cannot listen on 127.0.0.1: "), "{message}");
    assert!(
        message
            .ends_with("give an address of this machine and a port, for example `--listen 127.0.0.1:9000`")
    );
}

#[tokio::test]
async fn an_access_log_that_cannot_be_opened_is_an_error_before_anything_is_served() {
    let args = Args { access_log: Some("/nowhere/at/all.log".into()), ..Args::default() };
    let server = Server::with(args).await;
    let message = server.running.await.unwrap().unwrap_err().to_string();
    assert!(
        message.starts_with("demo server: cannot write the access log /nowhere/at/all.log: "),
        "{message}"
    );
}
