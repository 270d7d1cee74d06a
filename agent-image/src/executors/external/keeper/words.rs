//! What agent and keeper say to each other: MessagePack maps, each after its length.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use loads_wire::message::StopMode;
use loads_wire::{Plan, Window};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::executor::{Error, ExecutorContext, StepOrder};
use crate::record::WindowSink;

/// Agent to keeper.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// The first one, once.
    Prepare(Box<Assignment>),
    /// Begin a step.
    Begin(StepOrder),
    /// End it; answered when all is counted.
    End(StopMode),
}

/// Keeper to agent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    Prepared(Outcome),
    Begun(u16, Outcome),
    /// Of this step.
    Progress(u16, Progress),
    Window(Box<Window>),
    Ended(u16, Outcome),
}

/// How far a step is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) users: u32,
    /// When its load began.
    pub(super) began: Option<u64>,
    pub(super) finished: Result<bool, Trouble>,
}

/// Whether an order could be carried out.
pub(super) type Outcome = Result<(), Trouble>;

/// What the keeper must know of the agent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Assignment {
    plan: Plan,
    index: u32,
    agent_id: String,
    work_dir: PathBuf,
    state_dir: PathBuf,
}

impl Assignment {
    pub(super) fn of(context: &ExecutorContext) -> Self {
        Self {
            plan: Plan::clone(&context.plan),
            index: context.index,
            agent_id: context.agent_id.clone(),
            work_dir: context.work_dir.clone(),
            state_dir: context.state_dir.clone(),
        }
    }

    /// The same in the keeper's process.
    pub(super) fn context(self, sink: WindowSink) -> ExecutorContext {
        ExecutorContext {
            plan: Arc::new(self.plan),
            index: self.index,
            agent_id: self.agent_id,
            work_dir: self.work_dir,
            state_dir: self.state_dir,
            // Matters of other executors.
            python: PathBuf::new(),
            python_path: Vec::new(),
            cores: 1,
            sink,
        }
    }
}

/// An executor's error on its way to the agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Trouble {
    /// Trying again can not help.
    configuration: bool,
    /// What was tried, where it was not that.
    what: String,
    message: String,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Configuration(message) => Self { configuration: true, what: String::new(), message },
            Error::Io { what, source } => Self { configuration: false, what, message: source.to_string() },
        }
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        if trouble.configuration {
            Self::Configuration(trouble.message)
        } else {
            Self::Io { what: trouble.what, source: io::Error::other(trouble.message) }
        }
    }
}

pub(super) async fn write<T: Serialize>(pipe: &mut (impl AsyncWrite + Unpin), said: &T) -> io::Result<()> {
    let body = rmp_serde::to_vec_named(said).map_err(io::Error::other)?;
    pipe.write_u64_le(body.len() as u64).await?;
    pipe.write_all(&body).await?;
    pipe.flush().await
}

/// None when the other side is gone, be it in the middle of a word.
pub(super) async fn read<T: DeserializeOwned>(pipe: &mut (impl AsyncRead + Unpin)) -> Option<T> {
    let size = pipe.read_u64_le().await.ok()?;
    let mut body = Vec::new();
    pipe.take(size).read_to_end(&mut body).await.ok()?;
    rmp_serde::from_slice(&body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_said_arrives_until_the_speaker_is_gone() {
        let (mut here, mut there) = tokio::io::duplex(64);
        let trouble = Trouble::from(Error::io("starting")(io::ErrorKind::NotFound.into()));
        let said = Report::Ended(3, Err(trouble));
        let speaker = tokio::spawn(async move {
            write(&mut here, &said).await.unwrap();
            here.write_all(&[9; 12]).await.unwrap();
        });
        let Some(Report::Ended(3, Err(trouble))) = read(&mut there).await else { panic!("as it was said") };
        assert_eq!(Error::from(trouble).to_string(), "starting: entity not found");
        assert!(read::<Report>(&mut there).await.is_none(), "a torn word is the end");
        speaker.await.unwrap();
    }
}
