//! The operator's own key pair: one Secret in its own namespace, made once, the only Secret it may read.

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client};

use crate::broker::Identity;
use crate::certificates::{self, Pair};
use crate::names::OPERATOR;

/// Name of the Secret.
pub const SECRET: &str = "loads-operator-identity";

/// Reads the pair, or makes it. The error is for people.
pub async fn identity(client: Client, namespace: &str) -> Result<Identity, String> {
    let secrets: Api<Secret> = Api::namespaced(client, namespace);
    loop {
        let found = secrets.get_opt(SECRET).await.map_err(|e| denied(namespace, &e))?;
        if let Some(secret) = found {
            return Identity::new(read(&secret)?).map_err(|e| damaged(&e.to_string()));
        }
        let made = certificates::for_operator().map_err(|e| e.to_string())?;
        match secrets.create(&PostParams::default(), &secret(&made)).await {
            Ok(_) => return Identity::new(made).map_err(|e| e.to_string()),
            // Another operator was faster: its pair is everybody's.
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            Err(error) => return Err(denied(namespace, &error)),
        }
    }
}

fn secret(pair: &Pair) -> Secret {
    let data = [("tls.crt", &pair.certificate), ("tls.key", &pair.key)];
    Secret {
        metadata: ObjectMeta {
            name: Some(SECRET.to_owned()),
            labels: Some([("app.kubernetes.io/managed-by".to_owned(), OPERATOR.to_owned())].into()),
            ..ObjectMeta::default()
        },
        string_data: Some(data.map(|(key, value)| (key.to_owned(), value.clone())).into()),
        type_: Some("kubernetes.io/tls".to_owned()),
        ..Secret::default()
    }
}

fn read(secret: &Secret) -> Result<Pair, String> {
    let text = |key: &str| {
        let bytes = secret.data.as_ref().and_then(|data| data.get(key));
        bytes.and_then(|b| String::from_utf8(b.0.clone()).ok()).ok_or_else(|| damaged(&format!("no {key}")))
    };
    Ok(Pair { certificate: text("tls.crt")?, key: text("tls.key")? })
}

fn damaged(why: &str) -> String {
    format!("Secret {SECRET} can not be used ({why}): delete it, and the operator makes a new one")
}

fn denied(namespace: &str, error: &kube::Error) -> String {
    format!(
        "Secret {SECRET} in namespace {namespace:?} can not be read or made: {error}; does the operator run with its own ServiceAccount, and is --namespace right?"
    )
}
