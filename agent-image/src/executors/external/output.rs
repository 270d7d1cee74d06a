//! What a runner prints: the first part to the agent's log folder, the last part to its error report.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::task::JoinHandle;

/// Bytes of one runner that are kept in its log.
const KEPT: usize = 256 * 1024;
/// Bytes of its last words.
const TAIL: usize = 2048;

/// Reads what one runner prints, so that it never waits for a reader.
#[derive(Debug)]
pub(super) struct Output {
    tail: Arc<Mutex<VecDeque<u8>>>,
    task: Option<JoinHandle<()>>,
}

impl Output {
    /// Nothing is printed yet.
    pub(super) fn new() -> Self {
        Self { tail: Arc::default(), task: None }
    }

    /// Reads until the runner and all that it started have closed their end. `log` is made at the first byte.
    pub(super) fn read(&mut self, from: io::PipeReader, log: PathBuf) -> io::Result<()> {
        let pipe = pipe::Receiver::from_owned_fd(from.into())?;
        let tail = Arc::clone(&self.tail);
        self.task = Some(tokio::spawn(async move {
            if let Err(reason) = copy(pipe, &tail, &log).await {
                tracing::warn!(log = %log.display(), %reason, "a runner's output can not be kept");
            }
        }));
        Ok(())
    }

    /// Whether everything printed is read.
    pub(super) fn is_complete(&self) -> bool {
        self.task.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// The last words.
    pub(super) fn tail(&self) -> String {
        let tail: Vec<u8> =
            self.tail.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        String::from_utf8_lossy(&tail).trim().to_owned()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn copy(mut pipe: pipe::Receiver, tail: &Mutex<VecDeque<u8>>, log: &Path) -> io::Result<()> {
    let mut file = None;
    let mut left = KEPT;
    let mut buffer = vec![0; 4096];
    loop {
        let size = pipe.read(&mut buffer).await?;
        if size == 0 {
            return Ok(());
        }
        remember(tail, &buffer[..size]);
        let kept = size.min(left);
        if left > 0 {
            let file = match &mut file {
                Some(file) => file,
                none => none.insert(tokio::fs::File::create(log).await?),
            };
            left -= kept;
            file.write_all(&buffer[..kept]).await?;
            if left == 0 {
                file.write_all(b"\n(further output is not kept)\n").await?;
            }
            file.flush().await?;
        }
    }
}

fn remember(tail: &Mutex<VecDeque<u8>>, bytes: &[u8]) {
    let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
    tail.extend(bytes);
    let surplus = tail.len().saturating_sub(TAIL);
    tail.drain(..surplus);
}
