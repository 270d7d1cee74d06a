"""Every setting renders to objects that an API server would take, with either Helm."""

import pytest
from chart import CHART, CLUSTER_SCOPED, NAMESPACE, ROOT, objects, of_kind, one, values
from schemas import validate

CI = sorted((CHART / "ci").glob("*.yaml"))
EVERYTHING = CHART / "ci" / "all-values.yaml"

# setting, kinds (with names) that are there only with it, or only without it when the setting turns something off
TOGGLES = [
    ("crds.enabled", "false", [("CustomResourceDefinition", "loadtests.loads.dev")]),
    ("rbac.create", "false", [("ClusterRole", "loads-operator"), ("ClusterRoleBinding", "loads-operator"),
                              ("Role", "loads-operator"), ("RoleBinding", "loads-operator")]),
    ("rbac.aggregatedRoles", "false", [("ClusterRole", "loads-view"), ("ClusterRole", "loads-edit")]),
    ("serviceAccount.create", "false", [("ServiceAccount", "loads-operator")]),
    ("podDisruptionBudget.enabled", "false", [("PodDisruptionBudget", "loads-operator")]),
    ("networkPolicy.enabled", "false", [("NetworkPolicy", "loads-operator")]),
    ("metrics.service.enabled", "false", [("Service", "loads-operator")]),
    ("test.enabled", "false", [("Pod", "loads-operator-test"), ("Role", "loads-operator-test"),
                               ("RoleBinding", "loads-operator-test"), ("ServiceAccount", "loads-operator-test")]),
    ("metrics.serviceMonitor.enabled", "true", [("ServiceMonitor", "loads-operator")]),
    ("metrics.podMonitor.enabled", "true", [("PodMonitor", "loads-operator-brokers")]),
    ("metrics.prometheusRule.enabled", "true",
     [("PrometheusRule", f"loads-operator-{file.stem}") for file in CHART.glob("rules/*.yaml")]),
    ("dashboards.enabled", "true",
     [("ConfigMap", f"loads-operator-{file.stem}") for file in CHART.glob("dashboards/*.json")]),
]  # fmt: skip


def names(found):
    return {(it["kind"], it["metadata"]["name"]) for it in found}


@pytest.mark.parametrize("file", [None, *CI], ids=lambda file: file.stem if file else "default")
def test_it_is_clean_under_strict_lint(helm, file):
    helm("lint", "--strict", CHART, "--kube-version", "1.36.0", *(["--values", file] if file else [])).ok()


@pytest.mark.parametrize("file", CI, ids=lambda file: file.stem)
def test_each_set_of_values_renders_valid_objects(helm, tools, file):
    validate(helm.objects("--values", file), tools["prometheus"])


def test_the_defaults_render_valid_objects(helm, tools):
    validate(helm.objects(), tools["prometheus"])


@pytest.mark.parametrize("setting, value, those", TOGGLES, ids=[toggle[0] for toggle in TOGGLES])
def test_a_toggle_changes_its_objects_and_no_others(helm4, tools, setting, value, those):
    without, changed = names(helm4.objects()), helm4.objects(*values(**{setting: value}))
    assert without ^ names(changed) == set(those)
    validate(changed, tools["prometheus"])


def test_what_wants_prometheus_operator_is_off_by_default(helm4):
    groups = {it["apiVersion"].split("/")[0] for it in helm4.objects()}
    assert "monitoring.coreos.com" not in groups


def test_rendering_twice_gives_the_same_bytes(helm):
    arguments = ["--values", EVERYTHING]
    assert helm.template(*arguments).ok() == helm.template(*arguments).ok()


@pytest.mark.parametrize("arguments", [[], ["--values", EVERYTHING]], ids=["default", "everything"])
def test_both_helms_render_the_same_objects(helm4, helm3, arguments):
    assert helm4.objects(*arguments) == helm3.objects(*arguments)


def test_some_namespaces_only_need_no_right_in_the_others(helm4):
    arguments = values(watchNamespaces='["team-a","team-b"]', rbac__aggregatedRoles="false")
    found = helm4.objects(*arguments)
    assert {it["kind"] for it in found} & CLUSTER_SCOPED == {"CustomResourceDefinition"}
    everywhere = one(helm4.objects(), "ClusterRole", "loads-operator")["rules"]
    for namespace in ("team-a", "team-b"):
        there = [it for it in found if it["metadata"].get("namespace") == namespace]
        assert one(there, "Role", "loads-operator-runs")["rules"] == everywhere
        binding = one(there, "RoleBinding", "loads-operator-runs")
        account = {"kind": "ServiceAccount", "name": "loads-operator", "namespace": NAMESPACE}
        assert binding["subjects"] == [account]
    own = one(found, "Role", "loads-operator")["rules"]
    assert {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]} in own, "it makes its identity"


def test_the_test_runs_where_the_operator_looks(helm4):
    found = helm4.objects(*values(watchNamespaces='["team-a"]'))
    assert one(found, "Pod")["metadata"]["namespace"] == "team-a"
    assert one(helm4.objects(), "Pod")["metadata"]["namespace"] == NAMESPACE


def test_the_crd_is_that_of_the_project_and_is_kept(helm):
    (real,) = objects((ROOT / "crds" / "loads.dev_loadtests.yaml").read_text())
    crd = one(helm.objects(), "CustomResourceDefinition")
    assert crd["spec"] == real["spec"]
    assert crd["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    given_up = one(helm.objects(*values(crds__keep="false")), "CustomResourceDefinition")
    assert "annotations" not in given_up["metadata"]


def test_rules_and_dashboards_reach_their_objects_as_they_are(helm4, copy_of_chart, tools):
    rule = 'groups:\n- name: loads\n  rules:\n  - alert: Some\n    expr: up == 0\n    annotations: {summary: "{{ $labels.job }} is down"}\n'
    board = '{"title": "All runs", "panels": [{"legendFormat": "{{loadtest}}"}]}\n'
    for folder, name, text in (("rules", "some.yaml", rule), ("dashboards", "some.json", board)):
        (copy_of_chart / folder).mkdir(exist_ok=True)
        (copy_of_chart / folder / name).write_text(text)
    found = helm4.objects("--values", EVERYTHING, chart=copy_of_chart)
    validate(found, tools["prometheus"])
    assert len(of_kind(found, "PrometheusRule")) == len(list(copy_of_chart.glob("rules/*.yaml")))
    assert [one(found, "PrometheusRule", "loads-operator-some")["spec"]] == objects(rule)
    dashboard = one(found, "ConfigMap", "loads-operator-some")
    assert dashboard["data"] == {"some.json": board}
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["metadata"]["annotations"]["grafana_folder"] == "Load tests"


def test_a_service_monitor_without_its_service_is_refused_with_the_reason(helm):
    done = helm.template(*values(metrics__serviceMonitor__enabled="true", metrics__service__enabled="false"))
    assert done.code != 0 and "needs metrics.service.enabled" in done.err


def test_extra_objects_are_templates(helm4):
    extra = one(helm4.objects("--values", EVERYTHING), "ConfigMap", "loads-extra")
    assert extra["data"] == {"version": "0.1.0"}


def test_a_package_renders_what_the_folder_renders(helm, tmp_path):
    helm("package", CHART, "--destination", tmp_path).ok()
    (package,) = tmp_path.glob("*.tgz")
    assert helm.objects(chart=package) == helm.objects()


def test_it_works_below_another_chart(helm, tmp_path):
    parent = tmp_path / "parent"
    (parent / "charts").mkdir(parents=True)
    helm("package", CHART, "--destination", parent / "charts").ok()
    dependency = "dependencies: [{name: loads-operator, version: 0.1.0, condition: loads-operator.enabled}]"
    (parent / "Chart.yaml").write_text(f"apiVersion: v2\nname: parent\nversion: 1.0.0\n{dependency}\n")
    (parent / "values.yaml").write_text("global: {region: north}\nloads-operator: {enabled: true, replicas: 3}\n")
    assert one(helm.objects(chart=parent), "Deployment")["spec"]["replicas"] == 3
    assert of_kind(helm.objects(*values(**{"loads-operator.enabled": "false"}), chart=parent), "Deployment") == []
