//! Connections of a listener: so many, for so long, and a newcomer ends the oldest.
//!
//! A stranger that holds connections open can not lock out a probe or the operator: turning away the newest
//! would.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Connections of a port at once.
const MOST: usize = 64;
/// Time for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Time for a request's head, and for the next request on a kept connection.
const HEAD: Duration = Duration::from_secs(30);
/// Bytes of a request's head.
const HEAD_BYTES: usize = 64 * 1024;
/// Rest after a connection could not be accepted: most likely there are no file descriptors left.
const REST: Duration = Duration::from_millis(100);

/// Serves every connection of a listener.
pub async fn accept(listener: TcpListener, routes: Router) {
    let mut crowd = Crowd::new(MOST);
    loop {
        let stream = next(&listener).await;
        crowd.admit(serve(stream, routes.clone()));
    }
}

/// Serves those who prove who they are. Those who have not yet do not displace those who have.
pub async fn accept_tls(listener: TcpListener, acceptor: TlsAcceptor, routes: Router) {
    let (mut strangers, mut known) = (Crowd::new(MOST), Crowd::new(MOST));
    let (introduce, mut introduced) = mpsc::channel(MOST);
    loop {
        tokio::select! {
            Some(stream) = introduced.recv() => known.admit(serve(stream, routes.clone())),
            stream = next(&listener) => {
                strangers.admit(shake_hands(acceptor.clone(), stream, introduce.clone()));
            }
        }
    }
}

async fn shake_hands(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    introduce: mpsc::Sender<TlsStream<TcpStream>>,
) {
    match timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => drop(introduce.send(stream).await),
        Ok(Err(reason)) => tracing::warn!(%reason, "a connection to the operator's port was refused"),
        Err(_) => tracing::debug!("a connection to the operator's port made no handshake in time"),
    }
}

async fn next(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(reason) => {
                tracing::warn!(%reason, "an HTTP connection could not be accepted");
                sleep(REST).await;
            }
        }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, routes: Router) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
    let served = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes)).await;
    if let Err(reason) = served {
        tracing::debug!(%reason, "an HTTP connection ended");
    }
}

/// Tasks of which only the newest go on.
struct Crowd {
    most: usize,
    tasks: JoinSet<()>,
    by_age: VecDeque<AbortHandle>,
}

impl Crowd {
    fn new(most: usize) -> Self {
        Self { most, tasks: JoinSet::new(), by_age: VecDeque::new() }
    }

    fn admit(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        while self.tasks.try_join_next().is_some() {}
        self.by_age.retain(|task| !task.is_finished());
        if self.by_age.len() >= self.most
            && let Some(oldest) = self.by_age.pop_front()
        {
            oldest.abort();
        }
        self.by_age.push_back(self.tasks.spawn(connection));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn the_oldest_connection_makes_room_for_a_newcomer() {
        let mut crowd = Crowd::new(2);
        let mut connect = || {
            let (open, closed) = oneshot::channel::<()>();
            crowd.admit(async move {
                let _open = open;
                std::future::pending::<()>().await;
            });
            closed
        };
        let [first, mut second, mut third] = [connect(), connect(), connect()];
        assert!(first.await.is_err(), "ended");
        assert!(second.try_recv().is_err_and(|e| e == oneshot::error::TryRecvError::Empty));
        assert!(third.try_recv().is_err_and(|e| e == oneshot::error::TryRecvError::Empty));
    }
}
