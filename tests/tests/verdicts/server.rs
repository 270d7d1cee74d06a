//! A real API server for the tests, and its verdicts as lists of messages.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{Request, Resource, Status};
use kube::{Client, Config};
use loads_api::LoadTest;
use serde_json::{Value, json};

use crate::table::Change;

pub struct Server {
    folder: tempfile::TempDir,
    client: Client,
}

fn control_plane(verb: &str, folder: &std::path::Path) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("cluster/control-plane");
    let status = Command::new(script).arg(verb).arg(folder).status().unwrap();
    assert!(status.success(), "control-plane {verb} failed");
}

impl Drop for Server {
    fn drop(&mut self) {
        control_plane("down", &self.folder.path().join("run"));
    }
}

impl Server {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        control_plane("up", &folder.path().join("run"));
        let kubeconfig = Kubeconfig::read_from(folder.path().join("run/kubeconfig")).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        Self { folder, client: Client::try_from(config).unwrap() }
    }

    /// The CRD is taken, structural, and served.
    pub async fn establish(&self, crd: &Value) {
        let crds: Api<
            k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
        > = Api::all(self.client.clone());
        crds.create(&PostParams::default(), &serde_json::from_value(crd.clone()).unwrap()).await.unwrap();
        let established = kube::runtime::wait::await_condition(
            crds.clone(),
            "loadtests.loads.dev",
            kube::runtime::wait::conditions::is_crd_established(),
        );
        let crd = tokio::time::timeout(Duration::from_mins(1), established).await.unwrap().unwrap().unwrap();
        let conditions = crd.status.unwrap().conditions.unwrap();
        let bad = conditions.iter().find(|c| c.type_ == "NonStructuralSchema" && c.status == "True");
        assert!(bad.is_none(), "{bad:?}");
        // Established comes a moment before the first request is served.
        let served = async { while self.api().list(&ListParams::default()).await.is_err() {} };
        tokio::time::timeout(Duration::from_mins(1), served).await.unwrap();
    }

    fn api(&self) -> Api<LoadTest> {
        Api::namespaced(self.client.clone(), "default")
    }

    /// The verdict on a new object, with strict decoding and without keeping it.
    pub async fn create(&self, object: &Value) -> Vec<String> {
        let url = LoadTest::url_path(&(), Some("default"));
        let mut request =
            Request::new(&url).create(&PostParams::default(), serde_json::to_vec(object).unwrap()).unwrap();
        *request.uri_mut() = format!("{url}?dryRun=All&fieldValidation=Strict").parse().unwrap();
        verdict(self.client.request::<Value>(request).await.map(|_| ()))
    }

    /// The verdict on a change of an object whose run has begun.
    pub async fn change(&self, change: &Change) -> Vec<String> {
        let api = self.api();
        let mut old = change.old.clone();
        old.status = None;
        api.create(&PostParams::default(), &old)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", change.what));
        let run = Patch::Merge(json!({ "status": { "runId": "run-1" } }));
        let old = api.patch_status("shop", &PatchParams::default(), &run).await.unwrap();
        let mut new = change.new.clone();
        new.metadata.resource_version = old.metadata.resource_version;
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        let said = verdict(api.replace("shop", &dry, &new).await.map(|_| ()));
        api.delete("shop", &DeleteParams::background()).await.unwrap();
        said
    }

    pub async fn gives_a_minimal_load_test_its_defaults_and_conditions(&self) {
        let yaml =
            "apiVersion: loads.dev/v1alpha1\nkind: LoadTest\nmetadata: {name: least}\nspec: {test: m.C.t}\n";
        let test = loads_api::lint::load("least.yaml", yaml).unwrap();
        let object: Value = serde_yaml::from_str(yaml).unwrap();
        let made: LoadTest = {
            let url = LoadTest::url_path(&(), Some("default"));
            let body = serde_json::to_vec(&object).unwrap();
            let request = Request::new(&url).create(&PostParams::default(), body).unwrap();
            self.client.request(request).await.unwrap()
        };
        assert_eq!(made.spec, test.spec, "the server's defaults are those of `loads lint`");
        let status = made.status.unwrap();
        assert_eq!(status.conditions.len(), loads_api::conditions::ALL.len());
        assert!(status.conditions.iter().all(|c| !c.reason.is_empty() && !c.message.is_empty()));
        let scale = self.api().get_scale("least").await.unwrap();
        assert_eq!(scale.spec.unwrap().replicas, Some(1));
        self.api().delete("least", &DeleteParams::background()).await.unwrap();
    }
}

/// Each cause as `field: message`, sorted.
fn verdict(answer: kube::Result<()>) -> Vec<String> {
    let status: Status = match answer {
        Ok(()) => return Vec::new(),
        Err(kube::Error::Api(status)) => *status,
        Err(other) => panic!("no verdict: {other}"),
    };
    if let Some((_, fault)) = status.message.split_once("strict decoding error: ") {
        return vec![format!("strict decoding error: {fault}")];
    }
    let causes = status.details.unwrap().causes;
    let mut said: Vec<_> = causes.into_iter().map(|c| format!("{}: {}", c.field, c.message)).collect();
    said.sort();
    said
}
