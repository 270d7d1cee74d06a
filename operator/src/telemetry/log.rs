//! Logs to standard error, as JSON or as text; `LOADS_LOG` chooses what.

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Starts logging.
pub fn init(format: LogFormat) {
    let filter = EnvFilter::try_from_env("LOADS_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => log.json().init(),
        LogFormat::Text => log.init(),
    }
}
