//! `loads page`: the live page of a run in a cluster, on this machine's loopback.

use loads_api::LoadTest;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::{Cluster, Options, find};
use crate::exit::Exit;
use crate::signals::stop_orders;

/// Options of `loads page`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the LoadTest.
    name: String,
    /// Where the page is served.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: String,
    #[command(flatten)]
    cluster: Options,
}

/// Serves the page until Ctrl-C; each connection is taken to the broker that runs then, so that a broker's
/// restart is survived.
pub async fn page(args: Args) -> Result<(), Exit> {
    let mut orders = stop_orders()?;
    let cluster = args.cluster.connect().await?;
    let test = cluster.load_test(&args.name).await?;
    if cluster.broker(&test).await?.is_none() {
        return Err(no_broker(&test, &args.name, &cluster.namespace));
    }
    let refuse = |e| Exit::usage(format!("the page can not be served at {}: {e}", args.listen));
    let listener = TcpListener::bind(&args.listen).await.map_err(refuse)?;
    let address = listener.local_addr().map_err(refuse)?;
    println!("http://{address}/");
    eprintln!("The page of LoadTest {:?}; Ctrl-C ends it, and leaves the run alone.", args.name);
    loop {
        tokio::select! {
            _ = orders.changed() => return Ok(()),
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                tokio::spawn(serve(stream, cluster.clone(), test.clone()));
            },
        }
    }
}

async fn serve(mut stream: TcpStream, cluster: Cluster, test: LoadTest) {
    let broker = match cluster.broker(&test).await {
        Ok(Some(pod)) => cluster.forward(&pod).await,
        Ok(None) => Err("no broker runs at the moment".to_owned()),
        Err(exit) => Err(exit.message().to_owned()),
    };
    match broker {
        Ok(mut broker) => {
            // Either side may end it; there is nobody to tell.
            let _ = copy_bidirectional(&mut stream, &mut broker).await;
        }
        Err(why) => {
            let answer = format!(
                "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{why}\n",
                why.len() + 1
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    }
}

fn no_broker(test: &LoadTest, name: &str, namespace: &str) -> Exit {
    let over = test.status.as_ref().is_some_and(|status| status.is_true(loads_api::conditions::FINISHED));
    let state = find::state(test.status.as_ref());
    Exit::error(if over {
        format!(
            "the run is over and its broker gone: {state}; `kubectl loads report {name} -n {namespace}` has the same page with its result"
        )
    } else {
        format!("no broker runs yet: {state}")
    })
}
