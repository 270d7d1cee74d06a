use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use super::server::OK;
use super::*;

/// A TLS server that signs for itself, and answers OK to whatever it reads.
fn tls_server() -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            std::thread::spawn(move || answer(rustls::StreamOwned::new(session, stream)));
        }
    });
    url
}

fn answer(mut stream: rustls::StreamOwned<rustls::ServerConnection, std::net::TcpStream>) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).is_ok_and(|n| n > 0) {
        if stream.write_all(OK.as_bytes()).is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn tls_is_spoken_and_connections_are_kept() {
    let mut setup = setup(&tls_server(), &["/"]);
    setup.options.insecure_skip_verify = true;
    let seen = setup.hits(3, 20).await;
    assert_eq!((seen.totals.hits, seen.totals.success, seen.totals.bytes), (60, 60, 120));
}

#[tokio::test]
async fn a_certificate_that_nobody_signed_is_a_tls_error_before_sending() {
    let seen = setup(&tls_server(), &["/"]).hits(1, 1).await;
    assert_eq!((seen.errors(), seen.totals.failed_before_send, seen.totals.sent), (only("tls", 1), 1, 0));
}

#[tokio::test]
async fn a_server_without_tls_is_a_tls_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let mut setup = setup(&url, &["/"]);
    setup.options.insecure_skip_verify = true;
    let seen = setup.hits(1, 1).await;
    assert_eq!((seen.errors(), seen.totals.sent), (only("tls", 1), 0));
}
