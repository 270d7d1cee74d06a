//! What can go wrong in a reconcile.

use loads_api::conditions::reason;

use crate::problem::Problem;

/// Why a reconcile ended early; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or did not answer.
    #[error("API server: {}", said(.0))]
    Api(#[from] kube::Error),
    /// Something stands in the way that the LoadTest's conditions are to show.
    #[error("{0}")]
    Problem(Problem),
    /// An object of ours could not be written: a fault of this program.
    #[error("internal: {0}")]
    Internal(String),
}

impl Error {
    /// An object could not be made: a quota, an admission rule, or the API server is not there.
    pub fn making(kind: &str, name: &str, error: kube::Error) -> Self {
        match &error {
            kube::Error::Api(status) if status.code == 403 || status.code == 422 || status.code == 400 => {
                if is_terminating(&error) {
                    return Self::Api(error);
                }
                let reason = if status.message.contains("exceeded quota") {
                    reason::QUOTA_EXCEEDED
                } else {
                    reason::CREATE_FAILED
                };
                let message = format!("{kind} {name:?} could not be made: {}", status.message);
                Self::Problem(Problem::passing(reason, message))
            }
            _ => Self::Api(error),
        }
    }

    /// Whether the namespace is going away: the end, and not an error.
    pub fn ends_with_namespace(&self) -> bool {
        matches!(self, Self::Api(error) if is_terminating(error))
    }

    /// Whether the object changed or went in between: looking again is all that is needed.
    pub fn is_outdated(&self) -> bool {
        matches!(self, Self::Api(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found())
    }
}

/// Without the whole Status object that kube's own text carries.
fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({} {})", status.message, status.code, status.reason),
        other => other.to_string(),
    }
}

fn is_terminating(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    status.code == 403
        && (causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
            || status.message.contains("because it is being terminated"))
}
