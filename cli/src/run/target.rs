//! `--demo-server`: the target, started with the run.

use loads_wire::Plan;
use tokio::task::JoinHandle;
use url::Url;

use crate::demo_server;
use crate::exit::Exit;

const DEFAULT: &str = "http://127.0.0.1:9000";

/// The demo server of this run; gone with it.
pub struct Target(JoinHandle<()>);

impl Drop for Target {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Serves at the plan's server URL, which it sets if there is none.
pub async fn start(plan: &mut Plan) -> Result<Target, Exit> {
    let url = plan.server_url.get_or_insert_with(|| DEFAULT.to_owned());
    let refuse = |why: &str| {
        Exit::usage(format!("--demo-server can not serve {url}: {why}; use a server URL such as {DEFAULT}"))
    };
    let parsed = Url::parse(url).map_err(|e| refuse(&e.to_string()))?;
    if parsed.scheme() != "http" {
        return Err(refuse("it speaks plain http only"));
    }
    let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']);
    if host != "localhost" && !host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()) {
        return Err(refuse("it serves this machine only"));
    }
    let listen =
        format!("{}:{}", parsed.host_str().unwrap_or_default(), parsed.port_or_known_default().unwrap_or(80));
    let args = demo_server::Args { listen, quiet: true, ..demo_server::Args::default() };
    let listener = demo_server::bind(&args).await.map_err(|e| {
        Exit::error(format!(
            "{e}\n(--demo-server listens where the LoadTest's server URL points: --server-url changes it)"
        ))
    })?;
    Ok(Target(tokio::spawn(async move {
        if let Err(error) = demo_server::serve(listener, &args, std::future::pending()).await {
            tracing::error!(%error, "the demo server ended");
        }
    })))
}
