//! What only the test cluster of tests/cluster allows: its processes are this machine's.

use std::process::Command;

/// Stops or starts a component of the test cluster.
///
/// # Panics
/// When it can not be done.
#[expect(clippy::expect_used, reason = "only tests call this")]
pub fn component(action: &str, name: &str, environment: &[(&str, &str)]) {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster/component");
    let mut command = Command::new(program);
    let done = command.args([action, name]).envs(environment.iter().copied()).output();
    let done = done.expect("tests/cluster/component starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Process id on this machine of our program with this first argument in a pod's container.
pub fn process_of(pod_uid: &str, role: &str) -> Option<u32> {
    let processes = std::fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let command = std::fs::read(entry.path().join("cmdline")).ok()?;
        let mut arguments = command.split(|byte| *byte == 0);
        let program = arguments.next()?;
        let is_ours = program.ends_with(b"/loads") || program.ends_with(b"/loads-operator");
        let is_it = is_ours && arguments.next()? == role.as_bytes();
        let groups = std::fs::read_to_string(entry.path().join("cgroup")).ok()?;
        let of_pod = groups.contains(pod_uid) || groups.contains(&pod_uid.replace('-', "_"));
        (is_it && of_pod).then_some(pid)
    })
}

/// How long a process has been there, in seconds; none when it is gone.
pub fn age(pid: u32) -> Option<f64> {
    // In hundredths of a second on every Linux, and counted from the start of the machine as uptime is.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let began: f64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    let uptime: f64 =
        std::fs::read_to_string("/proc/uptime").ok()?.split_whitespace().next()?.parse().ok()?;
    Some(uptime - began / 100.0)
}

/// Sends a signal.
///
/// # Panics
/// When the process is gone.
#[expect(clippy::expect_used, reason = "only tests call this")]
pub fn signal_process(pid: u32, signal: &str) {
    let done = Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status();
    assert!(done.expect("kill starts").success());
}
