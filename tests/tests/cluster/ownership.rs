//! What belongs to somebody else is never touched.

use loads_tests::cluster::{LoadTest, Space};
use loads_tests::wait::slowly;

use super::specs;

#[test]
fn a_load_test_made_anew_does_not_meet_what_an_old_one_left_behind() {
    let space = Space::new("orphan");
    let target = space.target();
    let old = space.load_test("shop", &specs::http(&target, "/slow?ms=20", "agents: 1\nduration: 60"));
    old.wait("Running", "True", "Running");
    space.kubectl(&["delete", &old.reference(), "--cascade=orphan"]).ok();
    let new = space.load_test("shop", &specs::http(&target, "/", "agents: 1\nhits: 10"));
    let (reason, message) = new.finished();
    assert_eq!(reason, "Passed", "{message}");
    assert_eq!(new.result("hits"), 10);
    assert_eq!(target.counts()["byPath"]["/"]["200"], 10);
}

#[test]
fn an_object_of_somebody_else_under_a_childs_name_is_left_alone() {
    let space = Space::new("taken");
    let target = space.target();
    let manifest =
        LoadTest::manifest("shop", &specs::http(&target, "/", "agents: 1\nhits: 1\nsuspend: true"));
    space.apply(&manifest).ok();
    let test = LoadTest::existing(&space, "shop");
    let uid = test.object()["metadata"]["uid"].as_str().unwrap().to_owned();
    let name = format!("shop-broker-{}", &uid[..6]);
    let foreign =
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: 1}}]}}");
    space.apply(&foreign).ok();
    let before = space.get("service", &name).unwrap();
    test.change("{\"suspend\":false,\"startTimeout\":30}");
    let (_, _, message) = test.wait("AgentsReady", "False", "NameTaken");
    assert!(message.contains(&name), "{message}");
    assert_eq!(test.finished().0, "StartTimeout");
    assert_eq!(space.get("service", &name).unwrap(), before, "not a byte of it has changed");
    assert_eq!(target.total(), 0);
}

#[test]
fn what_somebody_deletes_of_a_run_comes_back_and_the_run_goes_on() {
    let space = Space::new("robbed");
    let target = space.target();
    let test = specs::running(&space, &target, "agents: 2\nusers: 2\nduration: 30");
    let kinds = "networkpolicies,poddisruptionbudgets,serviceaccounts,services";
    let names = || {
        let objects = space.list(kinds, &test.selector());
        objects.iter().map(|object| object["metadata"]["uid"].to_string()).collect::<Vec<_>>()
    };
    let before = names();
    assert_eq!(before.len(), 5);
    space.kubectl(&["delete", kinds, "-l", &test.selector()]).ok();
    slowly("each is there again", || {
        let now = names();
        (now.len() == 5 && now.iter().all(|uid| !before.contains(uid))).then_some(())
    });
    let (reason, message) = test.finished();
    assert_eq!(reason, "Passed", "{message}");
    assert_eq!(test.result("hits"), target.total());
}
