//! `--page`: the live page of this run, by the broker's own HTTP.

use std::net::{SocketAddr, TcpListener};

use loads_broker::http::{Http, HttpConfig};

use crate::exit::Exit;

/// Where the page is served unless told otherwise.
pub const ADDRESS: &str = "127.0.0.1:0";

/// The page of a run that is not there yet.
pub enum Page {
    /// Listens; the broker of this process is served as soon as it is there.
    Here(Http),
    /// The broker is a process of its own, which listens here every time it starts.
    Broker(SocketAddr),
}

impl Page {
    /// Takes the address before any load is sent. A broker of its own needs the same port after a restart, so
    /// the port is chosen here.
    pub async fn open(address: &str, own_process: bool) -> Result<Self, Exit> {
        if own_process {
            let taken = TcpListener::bind(address).and_then(|listener| listener.local_addr());
            return taken.map(Self::Broker).map_err(|source| {
                refuse(&loads_broker::http::Error::Bind { address: address.to_owned(), source })
            });
        }
        let config = HttpConfig { open: Some(address.to_owned()), ..HttpConfig::default() };
        Http::bind(config).await.map(Self::Here).map_err(|error| refuse(&error))
    }

    /// What to open in a browser.
    pub fn url(&self) -> Option<String> {
        let address = match self {
            Self::Here(http) => http.open()?,
            Self::Broker(address) => *address,
        };
        Some(format!("http://{address}/"))
    }
}

fn refuse(error: &loads_broker::http::Error) -> Exit {
    Exit::usage(format!("{error} with --page=ADDRESS:PORT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_is_taken_or_none_is_refused_before_any_load() {
        let taken = TcpListener::bind(ADDRESS).unwrap();
        let address = taken.local_addr().unwrap().to_string();
        for address in [address.as_str(), "nowhere", "127.0.0.1:99999"] {
            for own_process in [true, false] {
                let refused = Page::open(address, own_process).await.err();
                let message = format!("{refused:?}");
                assert!(
                    message.contains("HTTP can not be served at") && message.contains(address),
                    "{message}"
                );
            }
        }
    }

    #[tokio::test]
    async fn any_free_port_is_a_real_one_in_the_url() {
        for own_process in [true, false] {
            let url = Page::open(ADDRESS, own_process).await.unwrap().url().unwrap();
            assert!(url.starts_with("http://127.0.0.1:") && !url.contains(":0/"), "{url}");
        }
    }
}
