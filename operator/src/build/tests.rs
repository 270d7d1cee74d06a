use serde_json::Value;

use super::*;
use crate::config::tests::config;
use crate::tests::load_test;
use crate::validate;

/// All objects of a run as JSON.
fn children(spec: &str, args: &[&str]) -> Vec<Value> {
    let (test, config) = (load_test(spec), config(args));
    let names = Names::of(&test).unwrap();
    let plan = validate::plan(&test, names.run_id(), &config).unwrap();
    let made = crate::certificates::for_run("r", 2).unwrap();
    let layout = Layout {
        sources: vec![crate::bundle::Source {
            config_map: "shop".into(),
            items: vec![("a".into(), "files/lib/a.py".into())],
        }],
        digest: Some("0".into()),
    };
    let run = Run {
        test: &test,
        tls_secret: names.certificates(&made.fingerprint),
        names,
        plan,
        layout,
        config: &config,
        operator_certificate: "PEM",
    };
    let Children { service_account, files, broker_policy, agents_policy, service, broker, budget, agents } =
        run.children();
    let json = |value: Result<Value, _>| value.unwrap();
    let mut all = vec![
        json(serde_json::to_value(run.certificates(&made))),
        json(serde_json::to_value(run.plan_map(&made).unwrap())),
        json(serde_json::to_value(service_account)),
        json(serde_json::to_value(broker_policy)),
        json(serde_json::to_value(agents_policy)),
        json(serde_json::to_value(service)),
        json(serde_json::to_value(broker)),
        json(serde_json::to_value(budget)),
        json(serde_json::to_value(agents)),
    ];
    all.extend(files.map(|files| json(serde_json::to_value(files))));
    all
}

fn of_kind(all: &[Value], kind: &str) -> Value {
    all.iter().find(|object| object["kind"] == kind).unwrap().clone()
}

fn pods(all: &[Value]) -> Vec<Value> {
    ["Deployment", "Job"].map(|kind| of_kind(all, kind)["spec"]["template"].clone()).to_vec()
}

fn containers(pod: &Value) -> Vec<Value> {
    let list = |field: &str| pod["spec"][field].as_array().cloned().unwrap_or_default();
    [list("initContainers"), list("containers")].concat()
}

#[test]
fn every_object_belongs_to_the_load_test_and_carries_its_run() {
    for object in children("bundle: {files: {a.py: x}}", &[]) {
        let meta = &object["metadata"];
        assert_eq!(meta["ownerReferences"][0]["uid"], "1234abcd-0000-0000-0000-000000000000", "{object}");
        assert_eq!(meta["ownerReferences"][0]["controller"], true);
        assert_eq!(meta["labels"]["loads.dev/run"], "1234abcd-0000-0000-0000-000000000000");
        assert_eq!(meta["labels"]["app.kubernetes.io/managed-by"], "loads-operator");
        assert!(meta["name"].as_str().unwrap().ends_with("-1234ab"), "{meta}");
    }
}

#[test]
fn every_container_meets_pod_security_restricted() {
    for pod in pods(&children("", &[])) {
        assert_eq!(pod["spec"]["automountServiceAccountToken"], false);
        assert_eq!(pod["spec"]["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        assert!(pod["spec"]["securityContext"]["runAsUser"].as_i64().unwrap() > 10_000);
        for container in containers(&pod) {
            let security = &container["securityContext"];
            assert_eq!(security["allowPrivilegeEscalation"], false);
            assert_eq!(security["capabilities"]["drop"][0], "ALL");
            assert_eq!(security["readOnlyRootFilesystem"], true);
            assert_eq!(security["runAsNonRoot"], true);
            for kind in ["memory", "ephemeral-storage"] {
                let (least, most) = (&container["resources"]["requests"], &container["resources"]["limits"]);
                assert_eq!(least[kind], most[kind], "{container}");
                assert!(least[kind].is_string(), "{container}");
            }
        }
    }
}

#[test]
fn agents_see_their_own_key_and_not_the_brokers() {
    let all = children("", &[]);
    let keys = |kind: &str| -> Vec<String> {
        let volumes = of_kind(&all, kind)["spec"]["template"]["spec"]["volumes"].as_array().unwrap().clone();
        let secret = volumes.iter().find(|v| v["name"] == "tls").unwrap();
        let items = secret["secret"]["items"].as_array().unwrap();
        items.iter().map(|item| item["key"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(keys("Job"), ["ca.crt", "agent.crt", "agent.key"]);
    assert_eq!(keys("Deployment"), ["ca.crt", "broker.crt", "broker.key"]);
}

#[test]
fn a_lost_agent_is_replaced_only_where_the_load_test_says_so() {
    let job =
        |policy: &str| of_kind(&children(&format!("onAgentLoss: {policy}"), &[]), "Job")["spec"].clone();
    let actions = |spec: &Value| -> Vec<String> {
        let rules = spec["podFailurePolicy"]["rules"].as_array().unwrap();
        rules.iter().map(|rule| rule["action"].as_str().unwrap().to_owned()).collect()
    };
    let replace = job("Replace");
    assert_eq!(actions(&replace), ["FailJob", "Ignore", "Ignore"]);
    assert!(replace["backoffLimitPerIndex"].is_null(), "a namespace could not be deleted");
    for policy in ["Continue", "Fail"] {
        let spec = job(policy);
        assert_eq!(
            (spec["backoffLimitPerIndex"].clone(), actions(&spec)),
            (0.into(), vec!["FailIndex".to_owned()])
        );
    }
}

#[test]
fn the_job_ends_by_itself_when_nobody_else_does() {
    let all = children("duration: 60\nstartTimeout: 30\ndrainTimeout: 5", &[]);
    assert_eq!(of_kind(&all, "Job")["spec"]["activeDeadlineSeconds"], 30 + 60 + 2 * 5 + 180);
}

#[test]
fn the_load_tests_own_fields_reach_the_pods_and_never_replace_the_operators() {
    let spec = "agentTemplate:\n  image: mine:1\n  env: [{name: TOKEN, value: x}]\n  labels: {team: a}\n  nodeSelector: {pool: load}";
    let job = of_kind(&children(spec, &[]), "Job");
    let pod = &job["spec"]["template"];
    assert_eq!(pod["spec"]["nodeSelector"]["pool"], "load");
    assert_eq!(
        (pod["metadata"]["labels"]["team"].clone(), pod["metadata"]["labels"]["loads.dev/loadtest"].clone()),
        ("a".into(), "shop".into())
    );
    for container in containers(pod) {
        assert_eq!(container["image"], "mine:1");
    }
    let names: Vec<Value> =
        containers(pod)[1]["env"].as_array().unwrap().iter().map(|v| v["name"].clone()).collect();
    assert_eq!(names[0], "TOKEN");
    assert!(names.contains(&"LOADS_RUN_ID".into()));
}

#[test]
fn the_bundle_is_mounted_where_agents_look() {
    let job = of_kind(&children("", &[]), "Job");
    let volumes = job["spec"]["template"]["spec"]["volumes"].as_array().unwrap().clone();
    let bundle = volumes.iter().find(|v| v["name"] == "bundle").unwrap();
    assert_eq!(bundle["projected"]["sources"][0]["configMap"]["items"][0]["path"], "files/lib/a.py");
}

#[test]
fn agents_reach_no_metadata_address_and_the_broker_begins_no_conversation() {
    let all = children("", &[]);
    let policies: Vec<&Value> = all.iter().filter(|o| o["kind"] == "NetworkPolicy").collect();
    let of = |component: &str| {
        policies.iter().find(|p| p["metadata"]["labels"]["app.kubernetes.io/component"] == component).unwrap()
            ["spec"]
            .clone()
    };
    assert_eq!(of("broker")["egress"], serde_json::json!([]));
    assert_eq!(of("agent")["ingress"], serde_json::json!([]));
    assert!(of("agent")["egress"].to_string().contains("169.254.0.0/16"));
    let networks = children("serverURL: 'http://10.1.2.3'", &["--allow-target", "10.0.0.0/8"]);
    let egress =
        networks.iter().filter(|o| o["kind"] == "NetworkPolicy").map(ToString::to_string).collect::<String>();
    assert!(egress.contains("10.0.0.0/8") && !egress.contains("0.0.0.0/0\""), "{egress}");
}

#[test]
fn no_object_but_the_secret_holds_a_key() {
    for object in children("", &[]) {
        let holds = object.to_string().contains("PRIVATE KEY");
        assert_eq!(holds, object["kind"] == "Secret", "{}", object["kind"]);
    }
}

#[test]
fn prometheus_finds_the_broker_and_is_told_whose_run_it_is() {
    let broker = of_kind(&children("brokerTemplate: {annotations: {team: a}}", &[]), "Deployment");
    let pod = &broker["spec"]["template"];
    let annotations = &pod["metadata"]["annotations"];
    for (key, value) in [("scrape", "true"), ("port", "8080"), ("path", "/metrics")] {
        assert_eq!(annotations[format!("prometheus.io/{key}")], value, "{annotations}");
    }
    assert_eq!(annotations["team"], "a");
    let arguments = pod["spec"]["containers"][0]["args"].as_array().unwrap();
    for argument in ["--namespace=team", "--loadtest=shop"] {
        assert!(arguments.contains(&argument.into()), "{arguments:?}");
    }
}

#[test]
fn nothing_stands_between_agents_and_a_broker_that_runs() {
    let all = children("serverURL: http://shop", &[]);
    let broker = containers(&of_kind(&all, "Deployment")["spec"]["template"]).remove(0);
    assert!(broker["readinessProbe"].is_null() && broker["startupProbe"].is_null(), "{broker}");
    let service = of_kind(&all, "Service")["metadata"]["name"].as_str().unwrap().to_owned();
    let agent = containers(&of_kind(&all, "Job")["spec"]["template"]).pop().unwrap();
    let variables = agent["env"].as_array().unwrap();
    let control = variables.iter().find(|variable| variable["name"] == "LOADS_CONTROL").unwrap();
    let name = format!("tcp://{service}:{CONTROL_PORT}");
    assert_eq!(control["value"], name.as_str(), "found with one question to the DNS");
}
