use super::*;

const GOOD: &str =
    "apiVersion: loads.dev/v1alpha1\nkind: LoadTest\nmetadata: {name: shop}\nspec:\n  test: m.C.t\n";

fn said(text: &str) -> Vec<String> {
    lint("shop.yaml", text).iter().map(Problem::to_string).collect()
}

#[test]
fn a_good_file_comes_back_with_the_servers_defaults() {
    let test = load("shop.yaml", GOOD).unwrap();
    assert_eq!(test.spec.agents, 1);
    assert_eq!(test.spec.start_timeout.seconds().unwrap(), 300);
    assert_eq!(check("command line", &test), []);
}

#[test]
fn yaml_faults_have_their_line_and_column() {
    let said = said("apiVersion: loads.dev/v1alpha1\nkind: LoadTest\nspec:\n  users: [1\n  test: a\n");
    assert!(
        said[0].starts_with("shop.yaml:5:7: not well-formed YAML: ")
            || said[0].starts_with("shop.yaml:5:3: "),
        "{said:?}"
    );
    assert_eq!(said.len(), 1);
}

#[test]
fn a_key_given_twice_is_a_fault_of_the_yaml() {
    let said = said(&format!("{GOOD}  users: 1\n  users: 2\n"));
    assert!(said[0].contains("duplicate entry with key \"users\""), "{said:?}");
}

#[test]
fn a_field_is_found_by_line_and_column() {
    assert_eq!(
        said(&format!("{GOOD}  users: \"10:x\"\n")),
        [
            "shop.yaml:6:3: spec.users: Invalid value: \"10:x\": spec.users in body should match '^[1-9][0-9]{0,5}(:[1-9][0-9]{0,5}){0,31}$'"
        ]
    );
    let http =
        "  executor: http\n  serverURL: http://a\n  http:\n    requests:\n      - path: /\n      - path: a\n";
    assert!(said(&format!("{GOOD}{http}"))[0].starts_with("shop.yaml:11:9: spec.http.requests[1].path: "));
}

#[test]
fn a_missing_field_is_placed_where_it_would_be() {
    let http = "  executor: http\n";
    assert_eq!(
        said(&format!("{GOOD}{http}")),
        ["shop.yaml:4:1: spec.http: Invalid value: must be set when `executor` is `http`"]
    );
}

#[test]
fn an_unknown_field_names_the_one_that_was_meant() {
    assert_eq!(
        said(&format!("{GOOD}  user: 5\n")),
        ["shop.yaml:6:3: strict decoding error: unknown field \"spec.user\" (did you mean `users`?)"]
    );
    assert_eq!(
        said(&format!("{GOOD}  zzz: 5\n")),
        ["shop.yaml:6:3: strict decoding error: unknown field \"spec.zzz\""]
    );
}

#[test]
fn all_problems_of_a_file_are_said_at_once_in_its_order() {
    let said = said(&format!("{GOOD}  rate: 0\n  duration: 0s\n  hit: 1\n"));
    let places: Vec<_> = said.iter().map(|s| s.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["shop.yaml:6:3", "shop.yaml:7:3", "shop.yaml:8:3"]);
}

#[test]
fn what_is_no_load_test_is_refused_as_such() {
    for (text, start) in [
        ("", "shop.yaml:1:1: the file is empty"),
        ("# nothing\n---\n", "shop.yaml:1:1: the file is empty"),
        ("- a\n", "shop.yaml:1:1: not a Kubernetes object"),
        ("apiVersion: v1\nkind: Pod\n", "shop.yaml:2:1: kind: Invalid value: \"Pod\": must be LoadTest"),
        (
            "kind: LoadTest\napiVersion: loads.dev/v1\n",
            "shop.yaml:2:1: apiVersion: Invalid value: \"loads.dev/v1\": must be loads.dev/v1alpha1",
        ),
        ("spec: {}\n", "shop.yaml:1:1: kind: Required value: must be LoadTest"),
    ] {
        let said = said(text);
        assert!(said.len() == 1 && said[0].starts_with(start), "{text:?}: {said:?}");
    }
}

#[test]
fn several_documents_are_refused_at_the_second() {
    let said = said(&format!("{GOOD}---\n{GOOD}"));
    assert_eq!(
        said,
        ["shop.yaml:7:1: the file holds 2 documents (it must hold one LoadTest: give each its own file)"]
    );
}

#[test]
fn keys_with_dots_are_found() {
    let files = "  bundle:\n    files:\n      a.py: x\n      a.py.b: 5\n";
    assert!(
        said(&format!("{GOOD}{files}"))[0]
            .starts_with("shop.yaml:9:7: spec.bundle.files.a.py.b: Invalid value: \"integer\"")
    );
}
