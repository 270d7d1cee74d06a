//! HTTP of a broker, on two ports: an open one for probes and watchers, and one for the operator alone.
//!
//! `open` and `control` are the routes, `tls` says who may use the second, `connections` keeps strangers from
//! taking more than their share, `report` makes the result fit into a ConfigMap.

mod connections;
mod control;
mod open;
mod report;
mod tls;
mod validity;

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::metrics::Scope;
use crate::service::BrokerHandle;

/// Why HTTP can not be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address can not be listened on.
    #[error(
        "HTTP can not be served at {address}: {source}; choose an address of this machine with a free port"
    )]
    Bind {
        /// As it was given.
        address: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A certificate or key can not be used.
    #[error("{path} can not be used: {reason}; it must be PEM, as the operator writes it for a run")]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Where to serve what.
#[derive(Debug, Clone, Default)]
pub struct HttpConfig {
    /// Address of the open port.
    pub open: Option<String>,
    /// The operator's port.
    pub control: Option<ControlConfig>,
    /// What the run's metrics are labelled with.
    pub scope: Scope,
}

/// The port that only the operator can use.
#[derive(Debug, Clone)]
pub struct ControlConfig {
    /// Address to listen on.
    pub address: String,
    /// Folder with this broker's `tls.crt` and `tls.key`.
    pub tls_dir: PathBuf,
    /// The operator's certificate: no other one may connect.
    pub operator_cert: PathBuf,
}

/// The broker behind the routes, once it is there.
type Served = watch::Receiver<Option<BrokerHandle>>;

/// The ports; they close when this is dropped.
pub struct Http {
    open: Option<SocketAddr>,
    control: Option<SocketAddr>,
    broker: watch::Sender<Option<BrokerHandle>>,
    _listeners: JoinSet<()>,
}

impl Http {
    /// Listens at once, so that probes are answered while the store opens; `/readyz` fails until
    /// [`Http::serve`].
    pub async fn bind(config: HttpConfig) -> Result<Self, Error> {
        let (broker, served) = watch::channel(None);
        let mut listeners = JoinSet::new();
        let (mut open, mut control) = (None, None);
        if let Some(address) = config.open {
            let (listener, local) = listen(address).await?;
            open = Some(local);
            listeners.spawn(connections::accept(listener, open::routes(served.clone(), config.scope)));
        }
        if let Some(config) = config.control {
            let acceptor = tls::acceptor(&config.tls_dir, &config.operator_cert)?;
            let (listener, local) = listen(config.address).await?;
            control = Some(local);
            listeners.spawn(connections::accept_tls(listener, acceptor, control::routes(served)));
        }
        Ok(Self { open, control, broker, _listeners: listeners })
    }

    /// Serves this broker.
    pub fn serve(&self, broker: BrokerHandle) {
        self.broker.send_replace(Some(broker));
    }

    /// The open port, with its real number.
    pub fn open(&self) -> Option<SocketAddr> {
        self.open
    }

    /// The operator's port, with its real number.
    pub fn control(&self) -> Option<SocketAddr> {
        self.control
    }
}

async fn listen(address: String) -> Result<(TcpListener, SocketAddr), Error> {
    let bound = async {
        let listener = TcpListener::bind(&address).await?;
        let local = listener.local_addr()?;
        Ok((listener, local))
    };
    bound.await.map_err(|source| Error::Bind { address, source })
}
