//! The parser against answers written by hand, whose meaning the test knows because it made them.

use super::*;
use proptest::prelude::*;

/// What became of an answer: status, body bytes, reusable, bytes left over.
type Seen = Result<(u16, u64, bool, usize), BadResponse>;

/// Feeds `wire` in pieces of these lengths (the rest at once), then, if still open, the end.
fn read(wire: &[u8], cuts: &[usize], is_head: bool) -> Seen {
    let mut parser = Parser::new();
    parser.begin(is_head);
    let mut rest = wire;
    for cut in cuts.iter().chain(&[usize::MAX]) {
        let (piece, after) = rest.split_at((*cut).min(rest.len()));
        rest = after;
        if let Progress::Done(left) = parser.feed(piece)? {
            let status = parser.status().unwrap_or(0);
            return Ok((status, parser.bytes(), parser.keep_alive(), left + rest.len()));
        }
    }
    parser.end()?;
    Ok((parser.status().unwrap_or(0), parser.bytes(), parser.keep_alive(), 0))
}

fn whole(wire: &str) -> Seen {
    read(wire.as_bytes(), &[], false)
}

#[test]
fn a_counted_body_ends_at_its_count() {
    assert_eq!(whole("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloX"), Ok((200, 5, true, 1)));
    assert_eq!(whole("HTTP/1.1 404 Not Found\r\ncontent-length:0\r\n\r\n"), Ok((404, 0, true, 0)));
    assert_eq!(whole("HTTP/1.1 200 \r\nContent-Length: 2, 2\r\n\r\nok"), Ok((200, 2, true, 0)));
}

#[test]
fn statuses_without_a_body_end_with_the_head() {
    for status in [204, 304] {
        let wire = format!("HTTP/1.1 {status} X\r\nContent-Length: 9\r\n\r\n");
        assert_eq!(whole(&wire), Ok((status, 0, true, 0)));
    }
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    assert_eq!(read(head, &[], true), Ok((200, 0, true, 0)));
}

#[test]
fn interim_answers_are_skipped_and_a_switch_of_protocols_ends_http() {
    let wire = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
                HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    assert_eq!(whole(wire), Ok((200, 2, true, 0)));
    assert_eq!(whole("HTTP/1.1 101 Switching Protocols\r\n\r\n"), Ok((101, 0, false, 0)));
}

#[test]
fn chunked_wins_over_a_count_but_costs_the_connection() {
    let wire = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert_eq!(whole(wire), Ok((200, 3, true, 0)));
    let both = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert_eq!(whole(both), Ok((200, 3, false, 0)));
}

#[test]
fn a_body_without_a_length_ends_with_the_connection() {
    assert_eq!(whole("HTTP/1.1 200 OK\r\n\r\nto the end"), Ok((200, 10, false, 0)));
    assert_eq!(whole("HTTP/1.0 200 OK\r\n\r\n"), Ok((200, 0, false, 0)));
}

#[test]
fn keep_alive_follows_version_and_header() {
    let of = |version: &str, connection: &str| {
        let wire = format!("HTTP/{version} 200 OK\r\nConnection: {connection}\r\nContent-Length: 0\r\n\r\n");
        whole(&wire).unwrap().2
    };
    assert!(of("1.1", "keep-alive") && of("1.0", "Keep-Alive"));
    assert!(!of("1.1", "close") && !of("1.0", "x") && !of("1.1", "x, Close"));
}

#[test]
fn a_connection_that_ends_early_is_no_answer() {
    for wire in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"] {
        assert_eq!(whole(wire), Err(BadResponse::Truncated), "{wire:?}");
    }
}

#[test]
fn what_is_not_http_is_refused() {
    assert!(matches!(whole("SSH-2.0-OpenSSH\r\n"), Err(BadResponse::Head(_))));
    for length in ["-1", "5x", "", "1, 2", "99999999999999999999"] {
        let wire = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        assert_eq!(whole(&wire), Err(BadResponse::ContentLength), "{length:?}");
    }
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(MAX_HEAD));
    let pieces = vec![1_000; 100];
    assert_eq!(read(endless.repeat(2).as_bytes(), &pieces, false), Err(BadResponse::HeadTooLong));
}

/// An answer with its truth: (wire, status, body bytes, reusable).
fn answer() -> impl Strategy<Value = (Vec<u8>, u16, u64, bool)> {
    let chunks = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..5);
    let interim = prop::sample::select(vec!["", "HTTP/1.1 100 Continue\r\n\r\n"]);
    (chunks, 200u16..600, any::<bool>(), any::<bool>(), interim).prop_map(
        |(chunks, status, chunked, close, interim)| {
            let connection = if close { "Connection: close\r\n" } else { "" };
            let data = chunks.concat();
            let mut wire =
                format!("{interim}HTTP/1.1 {status} Reason\r\nServer: x\r\n{connection}").into_bytes();
            let bodiless = status == 204 || status == 304;
            if chunked {
                wire.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in chunks.iter().filter(|_| !bodiless) {
                    wire.extend(format!("{:x}\r\n", chunk.len()).bytes());
                    wire.extend(chunk);
                    wire.extend(b"\r\n");
                }
                wire.extend(if bodiless { &b""[..] } else { b"0\r\nT: x\r\n\r\n" });
            } else {
                wire.extend(format!("Content-Length: {}\r\n\r\n", data.len()).bytes());
                wire.extend(if bodiless { &[][..] } else { &data });
            }
            let bytes = if bodiless { 0 } else { data.len() as u64 };
            (wire, status, bytes, !close)
        },
    )
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_gives_the_same_answer((wire, status, bytes, reusable) in answer(),
                                                    cuts in prop::collection::vec(0usize..30, 0..40)) {
        prop_assert_eq!(read(&wire, &cuts, false), Ok((status, bytes, reusable, 0)));
        let single = vec![1; wire.len()];
        prop_assert_eq!(read(&wire, &single, false), Ok((status, bytes, reusable, 0)));
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_panic(wire in prop::collection::vec(any::<u8>(), 0..300),
                                                   cuts in prop::collection::vec(0usize..30, 0..10)) {
        let _ = read(&wire, &cuts, false);
        let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        answer.extend(&wire);
        prop_assert_eq!(read(&answer, &cuts, false), read(&answer, &[], false));
    }
}
