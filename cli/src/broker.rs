//! `loads broker`: one run's broker as a process of its own.

use std::path::PathBuf;
use std::time::Duration;

use loads_broker::http::{ControlConfig, HttpConfig};
use loads_broker::metrics::Scope;
use loads_broker::{ServeConfig, serve};

use crate::exit::Exit;

/// Options of `loads broker`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's plan as JSON.
    #[arg(long)]
    plan: PathBuf,
    /// Folder for the store and the result; a broker started again on it continues the run.
    #[arg(long)]
    state_dir: PathBuf,
    /// Endpoint of the control socket, e.g. tcp://127.0.0.1:7780.
    #[arg(long)]
    control: String,
    /// Endpoint of the results socket.
    #[arg(long)]
    results: String,
    /// Endpoint of the live stream.
    #[arg(long)]
    publish: String,
    /// Milliseconds between the order to begin and the beginning.
    #[arg(long, default_value_t = 300)]
    start_lead: u64,
    /// Address of the open HTTP port (probes, summary, stream), e.g. 0.0.0.0:8080; default: none.
    #[arg(long, env = "LOADS_HTTP")]
    http: Option<String>,
    /// Namespace of the LoadTest, for the labels of the run's metrics; default: none.
    #[arg(long, env = "LOADS_NAMESPACE", default_value_t)]
    namespace: String,
    /// Name of the LoadTest, for the labels of the run's metrics; default: none.
    #[arg(long, env = "LOADS_LOADTEST", default_value_t)]
    loadtest: String,
    /// Address of the operator's HTTP port; default: none.
    #[arg(long, env = "LOADS_CONTROL_HTTP", requires_all = ["tls_dir", "operator_cert"])]
    control_http: Option<String>,
    /// Folder with the run's ca.crt and this broker's tls.crt and tls.key (PEM): agents must show a certificate
    /// of that authority; default: anybody may connect.
    #[arg(long, env = "LOADS_TLS_DIR")]
    tls_dir: Option<PathBuf>,
    /// The operator's certificate (PEM): no other one may use the operator's port.
    #[arg(long, env = "LOADS_OPERATOR_CERT")]
    operator_cert: Option<PathBuf>,
    /// After the end, keep agents until the operator has the result, and serve until SIGTERM.
    #[arg(long, env = "LOADS_HOLD_RESULT")]
    hold_result: bool,
}

/// Exit code after a signal before the end of the run, for a broker that was to serve until told.
const TERMINATED: u8 = 143;

/// Serves until the run is over and stored.
pub async fn broker(args: Args) -> Result<(), Exit> {
    let control = match (args.control_http, args.tls_dir.clone(), args.operator_cert) {
        (Some(address), Some(tls_dir), Some(operator_cert)) => {
            Some(ControlConfig { address, tls_dir, operator_cert })
        }
        _ => None,
    };
    let config = ServeConfig {
        plan: args.plan,
        state_dir: args.state_dir,
        control: args.control,
        results: args.results,
        publish: args.publish,
        start_lead: Duration::from_millis(args.start_lead),
        tls_dir: args.tls_dir,
        hold_result: args.hold_result,
        http: HttpConfig {
            open: args.http,
            control,
            scope: Scope { namespace: args.namespace, loadtest: args.loadtest },
        },
    };
    match serve(config).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Exit::silent(TERMINATED)),
        Err(error) => Err(Exit::error(error.to_string())),
    }
}
