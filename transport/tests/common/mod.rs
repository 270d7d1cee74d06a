//! A ZMTP peer by hand, for what no well-behaved library would send.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub const PATIENCE: Duration = Duration::from_mins(1);

pub fn connect(endpoint: &str) -> TcpStream {
    let stream = TcpStream::connect(endpoint.strip_prefix("tcp://").unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub fn greeting(minor: u8) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    (bytes[0], bytes[9], bytes[10], bytes[11]) = (0xff, 0x7f, 3, minor);
    bytes[12..16].copy_from_slice(b"NULL");
    bytes
}

pub fn ready(socket_type: &str) -> Vec<u8> {
    let mut body = b"\x05READY\x0bSocket-Type\x00\x00\x00".to_vec();
    body.push(socket_type.len() as u8);
    body.extend(socket_type.as_bytes());
    command(&body)
}

pub fn command(body: &[u8]) -> Vec<u8> {
    [&[4, body.len() as u8], body].concat()
}

pub fn frame(body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![2];
    bytes.extend((body.len() as u64).to_be_bytes());
    bytes.extend(body);
    bytes
}

/// A peer past its handshake, with everything read that the other side said in it.
pub fn introduced(endpoint: &str, socket_type: &str) -> TcpStream {
    let mut stream = connect(endpoint);
    stream.write_all(&greeting(1)).unwrap();
    stream.write_all(&ready(socket_type)).unwrap();
    let mut heard = [0; 64];
    stream.read_exact(&mut heard).unwrap();
    assert_eq!((heard[10], heard[11]), (3, 0));
    assert_eq!(read_frame(&mut stream).0, 4);
    stream
}

/// Flags and body of the next short frame.
pub fn read_frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    let mut body = vec![0; head[1].into()];
    stream.read_exact(&mut body).unwrap();
    (head[0], body)
}

/// Waits until the other side has closed; panics if it does not.
pub fn closed(stream: &mut TcpStream) {
    let mut sink = Vec::new();
    match stream.read_to_end(&mut sink) {
        Ok(_) => {}
        Err(e) => assert_eq!(e.kind(), std::io::ErrorKind::ConnectionReset, "not closed: {e}"),
    }
}
