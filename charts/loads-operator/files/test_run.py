"""What `helm test` runs: a LoadTest against a server of its own, counted on both sides."""

import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
HITS = 20
LIMIT_SECONDS = 240


def load_test(url):
    return {
        "apiVersion": "loads.dev/v1alpha1",
        "kind": "LoadTest",
        "metadata": {"generateName": "helm-test-"},
        "spec": {
            "executor": "http",
            "serverURL": url,
            "http": {"requests": [{"path": "/"}]},
            "agents": 1,
            "hits": HITS,
            "ttlSecondsAfterFinished": 3600,
        },
    }


class Cluster:
    """The API server, by this pod's token."""

    def __init__(self):
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        namespace = read(f"{ACCOUNT}/namespace")
        self.url = f"https://{bracketed(host)}:{port}/apis/loads.dev/v1alpha1/namespaces/{namespace}/loadtests"
        self.tls = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")

    def ask(self, method, name="", body=None):
        request = urllib.request.Request(self.url + (f"/{name}" if name else ""), method=method)
        request.add_header("Authorization", f"Bearer {read(f'{ACCOUNT}/token')}")
        request.add_header("Content-Type", "application/json")
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(request, data, timeout=30, context=self.tls) as answer:
            return json.load(answer)

    def finished(self, name):
        """The LoadTest when it is over, or when the time is."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while True:
            found = self.ask("GET", name)
            if condition(found, "Finished")["status"] == "True" or time.monotonic() > deadline:
                return found
            time.sleep(1)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def condition(test, wanted):
    conditions = test.get("status", {}).get("conditions", [])
    found = [entry for entry in conditions if entry["type"] == wanted]
    return found[0] if found else {"status": "Unknown", "reason": "", "message": "no operator has seen it"}


def bracketed(host):
    return f"[{host}]" if ":" in host else host


class Server:
    """Counts what it gets."""

    def __init__(self):
        address = f"{bracketed(os.environ['POD_IP'])}:8080"
        self.url = f"http://{address}"
        self.process = subprocess.Popen(["/usr/local/bin/loads", "demo-server", "--listen", address])

    def __enter__(self):
        while not self.answers():
            if self.process.poll() is not None:
                sys.exit("the server ended; what it said is above")
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def answers(self):
        try:
            return self.requests() is not None
        except OSError:
            return False

    def requests(self):
        with urllib.request.urlopen(f"{self.url}/counts", timeout=10) as answer:
            return json.load(answer)["total"]


def judge(test, requests):
    """Nothing, or what is wrong."""
    verdict = condition(test, "Succeeded")
    if condition(test, "Finished")["status"] != "True":
        said = [f"{entry['type']}: {entry['message']}" for entry in test.get("status", {}).get("conditions", [])]
        return f"not over after {LIMIT_SECONDS} s; is the operator ready? " + "; ".join(said)
    if verdict["status"] != "True":
        return f"{verdict['reason']}: {verdict['message']}"
    hits = test["status"]["results"]["hits"]
    if not hits == requests == HITS:
        return f"wanted {HITS} hits, the LoadTest says {hits}, the server says {requests}"
    return None


def run(cluster, server):
    """The error, if there is one."""
    test = cluster.ask("POST", body=load_test(server.url))
    name = test["metadata"]["name"]
    print(f"made loadtest/{name}", flush=True)
    wrong = judge(cluster.finished(name), server.requests())
    if wrong:
        return f"loadtest/{name} did not pass and is left for you to look at. {wrong}"
    cluster.ask("DELETE", f"{name}?propagationPolicy=Background")
    print(f"passed: {HITS} hits, as many as the server got")
    return None


def main():
    try:
        with Server() as server:
            sys.exit(run(Cluster(), server))
    except urllib.error.HTTPError as error:
        sys.exit(f"the API server refused: {error.code} {error.read().decode(errors='replace')}")


if __name__ == "__main__":
    main()
