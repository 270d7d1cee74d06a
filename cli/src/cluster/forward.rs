//! Speaks HTTP to a broker's pod through the API server, so that nothing but kubectl's own right is needed.

use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use loads_api::labels::HTTP_PORT;
use loads_wire::RunResult;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::Cluster;
use crate::exit::Exit;

/// For the whole of a question.
const LIMIT: Duration = Duration::from_secs(10);
/// More than any broker's figures have.
const MOST_BYTES: usize = 64 * 1024 * 1024;

impl Cluster {
    /// A connection to the open port of a broker's pod.
    pub async fn forward(&self, pod: &str) -> Result<impl AsyncRead + AsyncWrite + Unpin + use<>, String> {
        let forwarder = self.api::<Pod>().portforward(pod, &[HTTP_PORT]).await;
        let mut forwarder = forwarder.map_err(|e| format!("pod {pod:?} can not be reached: {e}"))?;
        forwarder.take_stream(HTTP_PORT).ok_or_else(|| format!("pod {pod:?} gave no stream"))
    }

    /// The figures of a run as its broker has them now.
    pub async fn summary(&self, pod: &str) -> Result<RunResult, Exit> {
        let answer = timeout(LIMIT, self.ask(pod, "/api/v1/summary")).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {} s", LIMIT.as_secs())));
        let refuse = |why: String| Exit::error(format!("the broker's figures can not be had: {why}"));
        let body = answer.map_err(refuse)?;
        serde_json::from_slice(&body).map_err(|e| refuse(e.to_string()))
    }

    async fn ask(&self, pod: &str, path: &str) -> Result<Bytes, String> {
        let stream = self.forward(pod).await?;
        let said = |e: hyper::Error| e.to_string();
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(said)?;
        let task = tokio::spawn(connection);
        let request = Request::get(path).header("host", pod).body(Empty::<Bytes>::new());
        let answer = sender.send_request(request.map_err(|e| e.to_string())?).await.map_err(said)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await.map_err(|e| e.to_string())?;
        task.abort();
        let body = body.to_bytes();
        if status == StatusCode::OK {
            Ok(body)
        } else {
            Err(format!("{status}: {}", String::from_utf8_lossy(&body).trim()))
        }
    }
}
