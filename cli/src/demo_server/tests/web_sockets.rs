//! The echo at `/ws`, spoken frame by frame (RFC 6455).

use serde_json::json;

use super::*;

/// The key and its answer of RFC 6455 §1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

async fn open(server: &Server, subprotocols: &str) -> (TcpStream, Answer) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: demo\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{subprotocols}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    (stream, Answer::parse(&head))
}

/// Sends one masked frame with a payload below 126 bytes.
async fn send(stream: &mut TcpStream, opcode: u8, payload: &[u8]) {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![0x80 | opcode, 0x80 | payload.len() as u8];
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    stream.write_all(&frame).await.unwrap();
}

/// Opcode and payload of the next frame.
async fn receive(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let opcode = stream.read_u8().await.unwrap() & 0x0f;
    let mut payload = vec![0; usize::from(stream.read_u8().await.unwrap())];
    stream.read_exact(&mut payload).await.unwrap();
    (opcode, payload)
}

#[tokio::test]
async fn text_and_bytes_come_back_and_pings_are_answered() {
    let server = Server::start().await;
    let (mut stream, answer) = open(&server, "").await;
    assert_eq!((answer.status, answer.header("sec-websocket-accept")), (101, Some(ACCEPT)));
    send(&mut stream, 1, b"something").await;
    assert_eq!(receive(&mut stream).await, (1, b"something".to_vec()));
    send(&mut stream, 2, &[0, 255]).await;
    assert_eq!(receive(&mut stream).await, (2, vec![0, 255]));
    send(&mut stream, 9, b"?").await;
    assert_eq!(receive(&mut stream).await, (10, b"?".to_vec()));
    send(&mut stream, 8, &[]).await;
    assert_eq!(receive(&mut stream).await, (8, vec![]));
}

#[tokio::test]
async fn the_first_offered_subprotocol_that_is_spoken_is_chosen() {
    let server = Server::start().await;
    let chosen = async |offered: &str| {
        let (_, answer) = open(&server, &format!("Sec-WebSocket-Protocol: {offered}\r\n")).await;
        answer.header("sec-websocket-protocol").map(str::to_owned)
    };
    assert_eq!(chosen("chat, http-only").await.as_deref(), Some("chat"));
    assert_eq!(chosen("http-only").await.as_deref(), Some("http-only"));
    assert_eq!(chosen("mqtt").await, None);
}

#[tokio::test]
async fn upgrades_are_counted_apart_and_a_refused_one_as_a_request() {
    let server = Server::start().await;
    let _open = open(&server, "").await;
    let refused = server.get("/ws").await;
    assert_eq!(refused.status, 400);
    let expected = json!({"total": 1, "inFlight": 0, "webSockets": 1, "byPath": {"/ws": {"400": 1}}});
    assert_eq!(server.counts().await, expected);
}

#[tokio::test]
async fn shutdown_closes_open_web_sockets() {
    let server = Server::start().await;
    let (mut stream, _) = open(&server, "").await;
    server.stop().await.unwrap();
    assert_eq!(receive(&mut stream).await.0, 8);
}
