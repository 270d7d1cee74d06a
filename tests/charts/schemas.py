"""Judges objects offline as an API server would: Kubernetes' own by its schemas, others by their CRDs."""

import copy
from functools import cache

import jsonschema
import kubernetes_validate
import yaml
from chart import KUBERNETES, ROOT


def closed(schema):
    """The same schema that refuses fields it does not know, as kubectl does."""
    if isinstance(schema, list):
        return [closed(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    if isinstance(pattern := result.get("pattern"), str) and "(?i)" in pattern:
        # Go takes a flag anywhere, Python at the beginning only.
        result["pattern"] = "(?i)" + pattern.replace("(?i)", "")
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            result["additionalProperties"] = False
    return result


@cache
def _of_file(path):
    crd = yaml.safe_load(path.read_text())
    kind = crd["spec"]["names"]["kind"]
    return {
        (f"{crd['spec']['group']}/{version['name']}", kind): opened(version["schema"]["openAPIV3Schema"])
        for version in crd["spec"]["versions"]
    }


def opened(schema):
    """The head of an object is Kubernetes' own matter."""
    schema = closed(copy.deepcopy(schema))
    schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {"type": "object"}}
    return schema


def load_test():
    """Schema of a LoadTest."""
    return _of_file(ROOT / "crds" / "loads.dev_loadtests.yaml")["loads.dev/v1alpha1", "LoadTest"]


def validate(found, prometheus_crds):
    """Raises for an object that is not valid; `prometheus_crds` is the folder with Prometheus Operator's."""
    own = {}
    for path in sorted(prometheus_crds.glob("*.yaml")):
        own |= _of_file(path)
    for it in found:
        key = (it["apiVersion"], it["kind"])
        if key in own:
            jsonschema.validate(it, own[key])
        else:
            kubernetes_validate.validate(it, KUBERNETES, strict=True)
