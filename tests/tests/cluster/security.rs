//! Who may do what: the operator at the API server, strangers at the broker's ports.

use loads_tests::cluster::{Space, kubectl, operator_image};

use super::specs;

const OPERATOR: &str = "--as=system:serviceaccount:loads-system:loads-operator";

#[test]
fn the_operators_rights_are_those_of_the_list() {
    let shown = kubectl(&["auth", "can-i", "--list", OPERATOR, "-n", "default", "--no-headers"], None).ok();
    let mut rights: Vec<String> = shown
        .lines()
        .filter(|line| !line.trim_start().starts_with('['))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        // What every account may ask of itself.
        .filter(|line| !line.starts_with("self"))
        .collect();
    rights.sort();
    assert_eq!(rights.join("\n"), include_str!("operator-rights.txt").trim_end());
}

#[test]
fn nothing_of_a_run_warns_under_pod_security_restricted() {
    let space = Space::new("restricted");
    let target = space.target();
    let applied = space.apply(&loads_tests::cluster::LoadTest::manifest(
        "run",
        &specs::http(&target, "/", "agents: 1\nhits: 1"),
    ));
    assert!(!applied.stderr.contains("Warning"), "{}", applied.stderr);
    let test = loads_tests::cluster::LoadTest::existing(&space, "run");
    assert_eq!(test.finished().0, "Passed", "the namespace enforces restricted");
    let events =
        space.kubectl(&["get", "events", "-o", "jsonpath={range .items[*]}{.message}{'\\n'}{end}"]).ok();
    assert!(!events.contains("PodSecurity"), "{events}");
}

#[test]
fn a_canary_in_a_secret_is_found_nowhere() {
    let space = Space::new("canary");
    let target = space.target();
    let canary = "canary-7f3a9b";
    space.kubectl(&["create", "secret", "generic", "token", &format!("--from-literal=TOKEN={canary}")]).ok();
    let more = "agents: 1\nhits: 2\nagentTemplate: {envFrom: [{secretRef: {name: token}}]}";
    let test = space.load_test("run", &specs::http(&target, "/", more));
    assert_eq!(test.finished().0, "Passed");
    let places = [
        space.kubectl(&["get", "events,ldt,configmaps,jobs,deployments,pods", "-o", "yaml"]).ok(),
        space.kubectl(&["logs", "-l", &test.selector(), "--all-containers", "--tail=-1"]).ok(),
        kubectl(
            &["-n", "loads-system", "logs", "-l", "app.kubernetes.io/name=loads-operator", "--tail=-1"],
            None,
        )
        .ok(),
    ];
    for place in places {
        assert!(!place.contains(canary));
    }
}

#[test]
fn a_stranger_of_the_same_namespace_gets_nowhere_at_the_brokers_ports() {
    let space = Space::new("stranger");
    let target = space.target();
    let test = space.load_test("run", &specs::http(&target, "/slow?ms=20", "agents: 2\nusers: 2\nhits: 600"));
    test.wait("Running", "True", "Running");
    let uid = test.object()["metadata"]["uid"].as_str().unwrap().to_owned();
    let broker = format!("run-broker-{}", &uid[..6]);
    let stranger = STRANGER.replace("IMAGE", &loads_tests::cluster::agent_image()).replace("BROKER", &broker);
    space.apply(&stranger).ok();
    space.kubectl(&["wait", "--for=condition=Complete", "job/stranger", "--timeout=120s"]).ok();
    let said = space.kubectl(&["logs", "job/stranger"]).ok();
    assert!(said.contains("answers: 0"), "{said}");
    let (reason, message) = test.finished();
    assert_eq!(reason, "Passed", "{message}");
    assert_eq!((test.result("hits"), target.total()), (2400, 2400), "the run is unharmed");
    let pods = space.list("pods", &format!("{},app.kubernetes.io/component=broker", test.selector()));
    let restarts = &pods[0]["status"]["containerStatuses"][0]["restartCount"];
    assert_eq!(restarts, 0, "the broker did not die of it ({})", operator_image());
}

/// Says ZeroMQ greetings, TLS without a certificate, garbage and giant frames to every port but the public
/// one, and counts what comes back besides alerts and ends.
const STRANGER: &str = r"
apiVersion: batch/v1
kind: Job
metadata: {name: stranger}
spec:
  template:
    spec:
      automountServiceAccountToken: false
      restartPolicy: Never
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: stranger
          image: IMAGE
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
          command:
            - /opt/loads/bin/python
            - -c
            - |
              import os, socket, ssl
              context = ssl.create_default_context()
              context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
              greeting = b'\xff' + bytes(8) + b'\x7f\x03\x00NULL' + bytes(48)
              giant = b'\x02' + b'\x7f' * 8
              answers = 0
              for port in (7780, 7781, 8443):
                  for words in (greeting, greeting + giant, os.urandom(100000), b'GET /api/v1/report HTTP/1.1\r\n\r\n'):
                      for wrap in (False, True):
                          try:
                              with socket.create_connection(('BROKER', port), 5) as plain:
                                  plain.settimeout(5)
                                  s = context.wrap_socket(plain) if wrap else plain
                                  s.sendall(words)
                                  said = s.recv(1000)
                                  # A TLS alert begins with 0x15 and says no.
                                  if said and said[0] != 0x15:
                                      answers += 1
                                      print(port, wrap, said[:60])
                          except OSError as error:
                              print(port, wrap, 'refused:', error)
              print('answers:', answers)
";
