//! What stands before the routes: counts and logs every request, answered or abandoned.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use hyper::body::{Body as _, Incoming};
use hyper::http::uri::PathAndQuery;
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::service::TowerToHyperService;

use super::access_log::{AccessLog, Entry};
use super::auth::basic_user;
use super::counts::{CLIENT_LEFT, Counts};

/// The path that shows the counts, and is not one of them.
pub const COUNTS_PATH: &str = "/counts";

/// The routes of one connection, counted.
#[derive(Clone)]
pub struct Counted {
    router: TowerToHyperService<Router>,
    counts: Arc<Counts>,
    log: Option<Arc<AccessLog>>,
    peer: IpAddr,
}

impl Counted {
    /// Counts in `counts` and `log` what the client at `peer` asks of `router`.
    pub fn new(router: Router, counts: Arc<Counts>, log: Option<Arc<AccessLog>>, peer: IpAddr) -> Self {
        Self { router: TowerToHyperService::new(router), counts, log, peer }
    }

    fn received(&self, request: &Request<Incoming>) -> Option<Pending> {
        if request.uri().path() == COUNTS_PATH {
            return None;
        }
        self.counts.received();
        let logged = self.log.as_ref().map(|log| Logged {
            log: log.clone(),
            peer: self.peer,
            user: basic_user(request.headers()),
            method: request.method().clone(),
            version: request.version(),
        });
        let target = request.uri().path_and_query().cloned();
        Some(Pending { counts: self.counts.clone(), target, logged, open: true })
    }
}

impl Service<Request<Incoming>> for Counted {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let pending = self.received(&request);
        let answer = self.router.call(request);
        Box::pin(async move {
            let response = answer.await?;
            if let Some(pending) = pending {
                pending.answered(&response);
            }
            Ok(response)
        })
    }
}

/// A request that was counted and has no answer yet. Dropped without one, its client has left.
struct Pending {
    counts: Arc<Counts>,
    target: Option<PathAndQuery>,
    logged: Option<Logged>,
    open: bool,
}

/// What the access log wants to know besides.
struct Logged {
    log: Arc<AccessLog>,
    peer: IpAddr,
    user: Option<String>,
    method: Method,
    version: Version,
}

impl Pending {
    fn answered(mut self, response: &Response<Body>) {
        self.close(response.status().as_u16(), response.body().size_hint().exact());
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.counts.upgraded();
        } else {
            self.counts.answered(self.path(), response.status().as_u16());
        }
    }

    fn path(&self) -> &str {
        self.target.as_ref().map_or("*", PathAndQuery::path)
    }

    fn close(&mut self, status: u16, bytes: Option<u64>) {
        self.open = false;
        let Some(logged) = &self.logged else { return };
        logged.log.write(&Entry {
            peer: logged.peer,
            user: logged.user.as_deref(),
            method: &logged.method,
            target: self.target.as_ref().map_or("*", PathAndQuery::as_str),
            version: logged.version,
            status,
            bytes,
        });
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.open {
            self.close(CLIENT_LEFT, None);
            self.counts.answered(self.path(), CLIENT_LEFT);
        }
    }
}
