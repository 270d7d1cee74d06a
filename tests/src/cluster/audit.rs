//! What the API server's audit log says of the operator.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;

use serde_json::Value;

const OPERATOR: &str = "system:serviceaccount:loads-system:loads-operator";

/// The log from here on.
pub struct Audit {
    path: PathBuf,
    from: u64,
}

/// One request of the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// get, list, watch, create, patch, …
    pub verb: String,
    /// Resource, with its subresource after a slash.
    pub resource: String,
    /// Namespace, empty for none.
    pub namespace: String,
    /// Name, empty for none.
    pub name: String,
    /// HTTP status of the answer.
    pub code: u64,
}

impl Audit {
    /// From now on. The log's path is LOADS_AUDIT_LOG, or what `tests/cluster/status` says.
    pub fn begin() -> Self {
        let path = PathBuf::from(
            std::env::var("LOADS_AUDIT_LOG")
                .unwrap_or_else(|_| "/var/lib/loads-cluster/audit.log".to_owned()),
        );
        let from = std::fs::metadata(&path).map_or(0, |meta| meta.len());
        Self { path, from }
    }

    /// From the cluster's beginning.
    pub fn whole() -> Self {
        Self { from: 0, ..Self::begin() }
    }

    /// What the operator asked since then.
    ///
    /// # Panics
    /// When there is no log.
    #[expect(clippy::expect_used, reason = "only tests call this")]
    pub fn requests(&self) -> Vec<Request> {
        let mut file = File::open(&self.path).expect("the audit log is there");
        file.seek(SeekFrom::Start(self.from)).expect("the audit log can be read");
        let lines = BufReader::new(file).lines().map_while(Result::ok);
        lines.filter_map(|line| request(&serde_json::from_str(&line).ok()?)).collect()
    }

    /// Those that concern a namespace, without watches and events.
    pub fn of(&self, namespace: &str) -> Vec<Request> {
        let mut found = self.requests();
        found.retain(|r| r.namespace == namespace && r.verb != "watch" && r.resource != "events");
        found
    }
}

fn request(entry: &Value) -> Option<Request> {
    let by_operator = entry["user"]["username"] == OPERATOR && entry["stage"] == "ResponseComplete";
    let object = &entry["objectRef"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let sub = text(&object["subresource"]);
    let resource = text(&object["resource"]);
    by_operator.then(|| Request {
        verb: text(&entry["verb"]),
        resource: if sub.is_empty() { resource } else { format!("{resource}/{sub}") },
        namespace: text(&object["namespace"]),
        name: text(&object["name"]),
        code: entry["responseStatus"]["code"].as_u64().unwrap_or_default(),
    })
}
