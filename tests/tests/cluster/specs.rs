//! Specs that several tests use.

use loads_tests::cluster::{LoadTest, Space, Target};

/// Agents and a broker that ask for next to nothing: where many are on the node at once, two runs could otherwise
/// each hold what the other waits for.
pub const SMALL: &str = "agentTemplate: {resources: {requests: {cpu: 1m, memory: 16Mi}}}\nbrokerTemplate: {resources: {requests: {cpu: 1m, memory: 16Mi}}}";

/// The http executor against the target, with these lines besides.
pub fn http(target: &Target<'_>, path: &str, more: &str) -> String {
    format!("executor: http\nserverURL: {}\nhttp: {{requests: [{{path: '{path}'}}]}}\n{more}", target.url())
}

/// A Python test that asks for `/` once.
pub fn python(target: &Target<'_>, more: &str) -> String {
    format!(
        "test: shop.TestShop.test_root\nserverURL: {}\nbundle:\n  files:\n    shop.py: |\n      from loads.case import TestCase\n      class TestShop(TestCase):\n          def test_root(self):\n              self.assertEqual(200, self.session.get(self.server_url + '/').status_code)\n{more}",
        target.url()
    )
}

/// A runner in another process, over the external-runner protocol.
pub fn external(target: &Target<'_>, more: &str) -> String {
    let runner = include_str!("../../runners/python/runner.py");
    let runner = format!("      {}\n", runner.trim_end().replace('\n', "\n      "));
    format!(
        "executor: external\nexternal: {{command: [/opt/loads/bin/python, runner.py, '{{test}}']}}\nserverURL: {}\nbundle:\n  files:\n    runner.py: |\n{runner}{more}",
        target.url()
    )
}

/// A run of the http executor that has sent some load.
pub fn running<'a>(space: &'a Space, target: &Target<'_>, more: &str) -> LoadTest<'a> {
    let test = space.load_test("run", &http(target, "/slow?ms=20", more));
    test.wait("Running", "True", "Running");
    target.wait_for_more_than(50);
    test
}
