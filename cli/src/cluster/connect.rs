//! Which cluster and namespace: kubectl's own options and kubeconfig.

use std::path::PathBuf;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};

use crate::exit::Exit;

/// Where the LoadTest is; the same as for kubectl.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Cluster")]
pub struct Options {
    /// Namespace of the LoadTest [default: the context's].
    #[arg(short, long, global = true)]
    namespace: Option<String>,
    /// Context of the kubeconfig [default: the current one].
    #[arg(long, global = true)]
    context: Option<String>,
    /// kubeconfig file [default: as kubectl finds it].
    #[arg(long, global = true)]
    kubeconfig: Option<PathBuf>,
}

/// A connection to the API server, and a namespace.
#[derive(Clone)]
pub struct Cluster {
    /// To the API server.
    pub client: Client,
    /// Where the LoadTest is.
    pub namespace: String,
}

impl Options {
    /// Reads the kubeconfig; asks nothing of the API server yet.
    pub async fn connect(&self) -> Result<Cluster, Exit> {
        let refuse = |error: &dyn std::error::Error| {
            Exit::error(format!(
                "no cluster can be chosen: {error}; set KUBECONFIG, or give --kubeconfig and --context"
            ))
        };
        let chosen = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let config = match &self.kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path).map_err(|e| refuse(&e))?;
                Config::from_custom_kubeconfig(file, &chosen).await.map_err(|e| refuse(&e))?
            }
            None if self.context.is_some() => {
                Config::from_kubeconfig(&chosen).await.map_err(|e| refuse(&e))?
            }
            None => Config::infer().await.map_err(|e| refuse(&e))?,
        };
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|e| refuse(&e))?;
        Ok(Cluster { client, namespace })
    }
}

impl Cluster {
    /// Objects of one kind in the namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}
