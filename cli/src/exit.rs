//! Exit codes that CI can use, each with what is said on standard error.

use std::process::ExitCode;

use loads_wire::result::Verdict;

/// Why the program ends other than well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    code: u8,
    message: Option<String>,
}

impl Exit {
    /// Something could not be done: 1.
    pub fn error(message: impl Into<String>) -> Self {
        Self { code: 1, message: Some(message.into()) }
    }

    /// What was asked for makes no sense: 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, message: Some(message.into()) }
    }

    /// A code alone; all is said.
    pub fn silent(code: u8) -> Self {
        Self { code, message: None }
    }

    /// What a run's verdict comes to.
    pub fn of(verdict: Verdict) -> Result<(), Self> {
        match verdict {
            Verdict::Passed => Ok(()),
            Verdict::Failed => Err(Self::silent(99)),
            Verdict::Stopped => Err(Self::silent(105)),
            Verdict::Error | Verdict::Running => Err(Self::silent(1)),
        }
    }

    /// What there is to say.
    pub fn message(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }

    /// Says it, and gives the code.
    pub fn report(self) -> ExitCode {
        if let Some(message) = self.message {
            eprintln!("loads: {message}");
        }
        ExitCode::from(self.code)
    }
}
