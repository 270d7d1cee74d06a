//! LoadTests that several tests use.

use loads_tests::program::root;
use loads_tests::run::Folder;
use loads_tests::target::Target;

/// A Python test case with one request.
pub const ONE_REQUEST: &str = r"
from loads.case import TestCase


class TestWebSite(TestCase):

    def test_page(self):
        res = self.session.get(self.server_url + '/')
        self.assertEqual(res.status_code, 200)
";

/// An http LoadTest: `path` at `target`, and further lines of its spec.
pub fn http(target: &Target, path: &str, spec: &str) -> String {
    let url = target.url();
    format!(
        "apiVersion: loads.dev/v1alpha1\nkind: LoadTest\nmetadata: {{name: http}}\nspec:\n  test: http\n  \
         executor: http\n  serverURL: {url}\n  http: {{requests: [{{path: {path}}}]}}\n{}",
        indented(spec)
    )
}

/// A python LoadTest of [`ONE_REQUEST`] against `target`, and further lines of its spec.
pub fn python(target: &Target, spec: &str) -> String {
    let url = target.url();
    format!(
        "apiVersion: loads.dev/v1alpha1\nkind: LoadTest\nmetadata: {{name: python}}\nspec:\n  \
         test: example.TestWebSite.test_page\n  serverURL: {url}\n{}",
        indented(spec)
    )
}

/// An external LoadTest: the Perl runner of tests/runners against `target`, and further lines of its spec.
/// Perl is everywhere; the executor's own tests have runners in other languages.
pub fn perl(target: &Target, spec: &str) -> String {
    let (url, runner) = (target.url(), root().join("tests/runners/perl/runner.pl"));
    format!(
        "apiVersion: loads.dev/v1alpha1\nkind: LoadTest\nmetadata: {{name: external}}\nspec:\n  test: visit\n  \
         executor: external\n  serverURL: {url}\n  external: {{command: [perl, {}, '{{test}}']}}\n{}",
        runner.display(),
        indented(spec)
    )
}

fn indented(spec: &str) -> String {
    spec.lines().fold(String::new(), |text, line| text + "  " + line.trim() + "\n")
}

/// A folder with the LoadTest and the Python test case.
pub fn folder(load_test: &str) -> Folder {
    Folder::new().with("loadtest.yaml", load_test).with("example.py", ONE_REQUEST)
}
