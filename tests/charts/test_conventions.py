"""What the chart's objects have in common, and what its pods may do."""

import json
import re

import pytest
from chart import CHART, ROOT, objects, one, pods, run, values
from test_rendering import CI, EVERYTHING

# What kube-score says that does not hold here, by object, with the reason.
EXCEPTIONS = {
    "CPU limit is not set": "a limit would stop the operator for part of every 100 ms; the request is its share",
    "ImagePullPolicy is not set to Always": "tags of releases do not change, and a digest can be given",
    "The pod does not have a matching NetworkPolicy": "only the pod of `helm test`, which lives for seconds",
}
LABELS = {"name", "instance", "version", "component", "part-of", "managed-by"}


@pytest.mark.parametrize("file", CI, ids=lambda file: file.stem)
def test_every_object_has_the_recommended_labels(helm4, file):
    own = [it for it in helm4.objects("--values", file) if not it["metadata"]["name"].endswith("-extra")]
    for it in own:
        labels = it["metadata"]["labels"]
        wanted = {f"app.kubernetes.io/{name}" for name in LABELS} | {"helm.sh/chart"}
        assert wanted <= labels.keys(), (it["kind"], it["metadata"]["name"])
    assert own


def test_selectors_have_no_version_and_meet_the_pods(helm4):
    found = helm4.objects("--values", EVERYTHING)
    labels = one(found, "Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        one(found, "Deployment")["spec"]["selector"]["matchLabels"],
        one(found, "Service")["spec"]["selector"],
        one(found, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one(found, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.keys() == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
        assert selector.items() <= labels.items()
    # Brokers let in the pods with this label: operator/src/build/network.rs.
    assert labels["app.kubernetes.io/name"] == "loads-operator"
    monitored = one(found, "ServiceMonitor")["spec"]["selector"]["matchLabels"]
    assert monitored.items() <= one(found, "Service")["metadata"]["labels"].items()


def test_the_pod_of_helm_test_is_not_taken_for_an_operator(helm4):
    found = helm4.objects()
    selector = one(found, "Deployment")["spec"]["selector"]["matchLabels"]
    assert not selector.items() <= one(found, "Pod")["metadata"]["labels"].items()


@pytest.mark.parametrize("file", [None, *CI], ids=lambda file: file.stem if file else "default")
def test_every_pod_is_restricted(helm4, file):
    seen = 0
    for name, _, spec in pods(helm4.objects(*(["--values", file] if file else []))):
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True and security.get("runAsUser", 65532) > 10000, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC", "volumes"} & spec.keys()
        for container in spec["containers"]:
            seen += 1
            own = container["securityContext"]
            wanted = {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert own == wanted, name
            assert {"memory", "ephemeral-storage"} <= container["resources"]["limits"].keys()
            assert not container["image"].endswith(":latest")
    assert seen


def test_a_platform_may_choose_the_user(helm4):
    (spec,) = [spec for name, _, spec in pods(helm4.objects("--values", CHART / "ci" / "bare-values.yaml"))]
    assert not {"runAsUser", "runAsGroup"} & spec["securityContext"].keys()


def test_every_option_of_the_operator_can_be_set(helm4):
    known = set(re.findall(r'env = "(LOADS_\w+)"', (ROOT / "operator/src/config.rs").read_text()))
    container = one(helm4.objects("--values", EVERYTHING), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    given = {entry["name"] for entry in container["env"]}
    # Port 8080 is what Service, probes and NetworkPolicy name.
    assert known - given == {"LOADS_HTTP"}
    # LOADS_LOG: operator/src/telemetry; the proxy is an extraEnv.
    assert given - known == {"LOADS_LOG", "HTTPS_PROXY"}


def test_options_that_are_not_given_keep_the_operators_defaults(helm4):
    source = (ROOT / "operator/src/config.rs").read_text()
    container = one(helm4.objects(), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    for entry in container["env"]:
        stated = re.search(rf'env = "{entry["name"]}", default_value(?:_t)? = "?([^",)]+)', source)
        if stated and "value" in entry:
            assert entry["value"] == stated[1].replace("_", ""), entry["name"]


def test_images_go_by_digest_before_tag(helm4):
    digest = "sha256:" + "ab" * 32
    settings = values(**{"image.digest": json.dumps(digest), "agentImage.tag": '"9"'})
    container = one(helm4.objects(*settings), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    env = {entry["name"]: entry.get("value") for entry in container["env"]}
    image = f"ghcr.io/loads/loads-operator@{digest}"
    assert container["image"] == image and env["LOADS_BROKER_IMAGE"] == image
    assert env["LOADS_AGENT_IMAGE"] == "ghcr.io/loads/loads-agent:9"


def test_the_rights_are_those_that_the_cluster_tests_expect(helm4):
    listed = (ROOT / "tests/tests/cluster/operator-rights.txt").read_text().splitlines()
    rules = one(helm4.objects(), "ClusterRole", "loads-operator")["rules"]
    shown = []
    for rule in rules:
        (group,) = rule["apiGroups"]
        for resource in rule["resources"]:
            name, _, sub = resource.partition("/")
            name = f"{name}.{group}" if group else name
            shown.append(f"{name}{'/' + sub if sub else ''} [] [] [{' '.join(rule['verbs'])}]")
    assert sorted(shown) == sorted(listed)


def test_users_get_load_tests_but_never_their_status(helm4):
    found = helm4.objects()
    for role, adds_to in (("loads-view", {"view", "edit", "admin"}), ("loads-edit", {"edit", "admin"})):
        it = one(found, "ClusterRole", role)
        prefix = "rbac.authorization.k8s.io/aggregate-to-"
        labels = {label.removeprefix(prefix) for label in it["metadata"]["labels"] if label.startswith(prefix)}
        assert labels == adds_to
        writing = [rule for rule in it["rules"] if {"update", "patch"} & set(rule["verbs"])]
        assert all("loadtests/status" not in rule["resources"] for rule in writing)


@pytest.mark.parametrize("arguments", [[], ["--values", EVERYTHING]], ids=["default", "everything"])
def test_kube_score_has_nothing_to_say_but_what_is_explained(helm4, tools, arguments):
    text = helm4.template(*arguments).ok()
    done = run(tools["kube-score"], "score", "--kubernetes-version", "v1.36", "--output-format", "ci", "-", stdin=text)
    lines = [line for line in done.out.splitlines() if line.startswith(("[CRITICAL]", "[WARNING]"))]
    assert "[OK]" in done.out, done.err
    unexplained = [line for line in lines if not any(known in line for known in EXCEPTIONS)]
    assert unexplained == []
    for line in lines:
        assert "NetworkPolicy" not in line or "loads-operator-test/" in line, line


def test_the_script_of_helm_test_reaches_its_pod_as_it_is(helm4):
    pod = one(helm4.objects(), "Pod")
    command = pod["spec"]["containers"][0]["command"]
    script = (CHART / "files" / "test_run.py").read_text()
    assert command[2].strip() == script.strip()
    compile(command[2], "test_run.py", "exec")


def test_it_is_fit_for_a_user_without_a_cluster_role(helm4):
    """Everything of the whole cluster can be left to an administrator."""
    settings = values(watchNamespaces='["team-a"]', crds__enabled="false", rbac__aggregatedRoles="false")
    assert all("namespace" in it["metadata"] for it in objects(helm4.template(*settings).ok()))
