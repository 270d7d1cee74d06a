//! Whether load may go to the server under test, before any is sent.
//!
//! Executors judge every address again when they connect: a name may come to mean another address, and a
//! redirect leads elsewhere.

use loads_wire::Plan;
use loads_wire::target::Targets;
use tokio::net::lookup_host;
use url::{Host, Url};

use super::Error;

/// Judges the plan's server by its name and by all addresses it has now. A name that has none is no matter of
/// targets: requests to it fail, and say so.
pub async fn check_server(plan: &Plan) -> Result<(), Error> {
    let (Some(targets), Some(text)) = (&plan.targets, &plan.server_url) else { return Ok(()) };
    let Ok(url) = Url::parse(text) else { return Ok(()) };
    let Some(host) = url.host() else { return Ok(()) };
    judge(targets, &host, url.port_or_known_default().unwrap_or(0))
        .await
        .map_err(|refusal| Error::Target { url: text.clone(), refusal })
}

async fn judge(targets: &Targets, host: &Host<&str>, port: u16) -> Result<(), loads_wire::target::Refusal> {
    let name = host.to_string();
    targets.admit(&name)?;
    let Host::Domain(domain) = host else { return Ok(()) };
    let Ok(addresses) = lookup_host((*domain, port)).await else { return Ok(()) };
    let mut refused = None;
    for address in addresses {
        match targets.dial(&name, address.ip()) {
            Ok(()) => return Ok(()),
            Err(refusal) => refused = Some(refusal),
        }
    }
    refused.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use loads_wire::target::Refusal;

    async fn judged(allow: &[&str], url: &str) -> Result<(), Refusal> {
        let targets = Targets { allow: allow.iter().map(|&entry| entry.to_owned()).collect() };
        let url = Url::parse(url).unwrap();
        judge(&targets, &url.host().unwrap(), 80).await
    }

    #[tokio::test]
    async fn a_server_is_judged_by_name_and_by_address() {
        assert_eq!(judged(&[], "http://localhost/").await, Ok(()));
        assert_eq!(judged(&["127.0.0.0/8", "::1"], "http://localhost/").await, Ok(()));
        assert!(matches!(judged(&["10.0.0.0/8"], "http://localhost/").await, Err(Refusal::NotAllowed(..))));
        assert!(matches!(judged(&["10.0.0.0/8"], "http://127.0.0.1:8080/").await, Err(Refusal::NotAllowed(..))));
        assert!(matches!(judged(&["shop"], "http://elsewhere/").await, Err(Refusal::NotAllowed(..))));
        let metadata = judged(&["0.0.0.0/0", "::/0"], "http://[::ffff:169.254.169.254]/").await;
        assert!(matches!(metadata, Err(Refusal::Metadata(_))));
    }

    #[tokio::test]
    async fn a_name_without_address_is_left_to_the_load() {
        assert_eq!(judged(&["*.invalid"], "http://no-such-host.invalid/").await, Ok(()));
    }
}
