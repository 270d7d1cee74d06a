//! What the operator's administrator decides: read from flags and the environment, checked before anything
//! starts.

use std::net::SocketAddr;
use std::time::Duration;

use loads_api::quantity::Span;
use loads_wire::target;

/// Options of `loads-operator run`; each is an environment variable too.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// Namespace of the operator itself: its Lease and its identity are there.
    #[arg(long, env = "LOADS_NAMESPACE", default_value = "loads-system")]
    pub namespace: String,
    /// Watch this namespace only; may be given several times. Without it all namespaces are watched.
    #[arg(long = "watch-namespace", env = "LOADS_WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,
    /// Name of this process in the Lease and in events.
    #[arg(long, env = "HOSTNAME", default_value = "loads-operator")]
    pub identity: String,
    /// Image of agents.
    #[arg(long, env = "LOADS_AGENT_IMAGE", default_value = "ghcr.io/loads/loads-agent:0.1.0")]
    pub agent_image: String,
    /// Image of brokers.
    #[arg(long, env = "LOADS_BROKER_IMAGE", default_value = "ghcr.io/loads/loads-operator:0.1.0")]
    pub broker_image: String,
    /// When nodes fetch the images.
    #[arg(long, env = "LOADS_IMAGE_PULL_POLICY", default_value = "IfNotPresent")]
    pub image_pull_policy: PullPolicy,
    /// Where /healthz, /readyz and /metrics are served.
    #[arg(long, env = "LOADS_HTTP", default_value = "0.0.0.0:8080")]
    pub http: SocketAddr,
    /// Host name, `*.domain`, address or network that load may go to; may be given several times. Without
    /// it load may go anywhere but to link-local and metadata addresses.
    #[arg(long = "allow-target", env = "LOADS_ALLOW_TARGETS", value_delimiter = ',')]
    pub allow_targets: Vec<String>,
    /// Most agents of a LoadTest.
    #[arg(long, env = "LOADS_MAX_AGENTS", default_value_t = 1000)]
    pub max_agents: u32,
    /// Highest `rate` of a LoadTest.
    #[arg(long, env = "LOADS_MAX_RATE", default_value_t = 1_000_000)]
    pub max_rate: u32,
    /// Longest a LoadTest's load may last, all steps together.
    #[arg(long, env = "LOADS_MAX_DURATION", default_value = "24h", value_parser = span)]
    pub max_duration: Duration,
    /// How long brokers stay after the end: two scrape intervals of your Prometheus.
    #[arg(long, env = "LOADS_BROKER_LINGER", default_value = "60s", value_parser = span)]
    pub broker_linger: Duration,
    /// Index that agents install Python requirements from.
    #[arg(long, env = "LOADS_PIP_INDEX")]
    pub pip_index: Option<String>,
    /// Logs as JSON or as text.
    #[arg(long, env = "LOADS_LOG_FORMAT", default_value = "json")]
    pub log_format: LogFormat,
    /// Connect to brokers by the address of their Service instead of its name: for an operator outside the
    /// cluster's DNS.
    #[arg(long, env = "LOADS_BROKERS_BY_ADDRESS")]
    pub brokers_by_address: bool,
}

/// imagePullPolicy of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum PullPolicy {
    /// For every container.
    Always,
    /// Unless the node has it.
    IfNotPresent,
    /// The node has it.
    Never,
}

impl PullPolicy {
    /// As a Pod spells it.
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl Config {
    /// What is wrong with the options, for people.
    pub fn check(&self) -> Result<(), String> {
        for entry in &self.allow_targets {
            target::check_entry(entry).map_err(|wrong| format!("--allow-target: {wrong}"))?;
        }
        if self.max_agents == 0 || self.max_agents > 10_000 {
            return Err("--max-agents must be from 1 to 10000".to_owned());
        }
        if self.max_rate == 0 {
            return Err("--max-rate must be at least 1".to_owned());
        }
        Ok(())
    }
}

fn span(text: &str) -> Result<Duration, String> {
    let span: Span = serde_json::from_value(text.into()).map_err(|e| e.to_string())?;
    span.seconds().map(|s| Duration::from_secs(s.into())).map_err(|e| e.to_string())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        config: Config,
    }

    pub(crate) fn config(args: &[&str]) -> Config {
        Program::parse_from([&["loads-operator"], args].concat()).config
    }

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(config(&[]).check(), Ok(()));
    }

    #[test]
    fn a_malformed_target_is_named_before_anything_starts() {
        let wrong = config(&["--allow-target", "http://shop"]).check().unwrap_err();
        assert!(wrong.contains("http://shop") && wrong.contains("10.0.0.0/8"), "{wrong}");
    }

    #[test]
    fn times_are_written_as_in_a_load_test() {
        assert_eq!(config(&["--max-duration", "1h30m"]).max_duration, Duration::from_mins(90));
        assert!(Program::try_parse_from(["x", "--max-duration", "soon"]).is_err());
    }
}
