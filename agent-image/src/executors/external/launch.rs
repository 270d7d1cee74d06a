//! From the plan to a runner's process: command, environment, and the thread that starts it.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};

use loads_wire::plan::{ExternalPlan, Length};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use tokio::sync::mpsc::UnboundedSender;

use crate::clock::SECOND;
use crate::executor::{Error, ExecutorContext, StepOrder};

/// Starts runners. Clones share one thread; it ends with the last of them.
#[derive(Debug, Clone)]
pub(super) struct Launcher {
    argv: Vec<String>,
    work_dir: PathBuf,
    /// The same for every runner of the run.
    environment: Vec<(&'static str, String)>,
    thread: Sender<Launch>,
}

/// A runner to start, and where to tell how that went.
struct Launch {
    runner: usize,
    command: Command,
    answer: UnboundedSender<Launched>,
}

/// What became of a runner to start.
pub(super) struct Launched {
    /// Its place among the step's runners.
    pub runner: usize,
    /// Its process, and what it prints.
    pub process: io::Result<(Child, io::PipeReader)>,
}

impl Launcher {
    /// Checks that the command can be found.
    pub(super) fn new(context: &ExecutorContext, options: &ExternalPlan) -> Result<Self, Error> {
        let plan = &context.plan;
        let argv: Vec<String> =
            options.command.iter().map(|item| item.replace("{test}", &plan.test)).collect();
        let Some(program) = argv.first() else {
            return Err(Error::Configuration(
                "spec.external.command is empty: give the runner's program and arguments, as a list".into(),
            ));
        };
        find(program, &context.work_dir, &std::env::var_os("PATH").unwrap_or_default())?;
        let mut environment =
            vec![("LOADS_AGENT_ID", context.agent_id.clone()), ("LOADS_RUN_ID", plan.run_id.clone())];
        environment.extend(plan.server_url.clone().map(|url| ("LOADS_SERVER_URL", url)));
        let (thread, launches) = channel();
        std::thread::Builder::new()
            .name("external".to_owned())
            .spawn(move || launch_all(&launches))
            .map_err(Error::io("starting the thread that starts runners"))?;
        Ok(Self { argv, work_dir: context.work_dir.clone(), environment, thread })
    }

    /// Starts the runner of this user; the answer comes later.
    pub(super) fn launch(
        &self,
        user: &User,
        order: &StepOrder,
        to: &str,
        answer: &UnboundedSender<Launched>,
    ) {
        let (program, arguments) = self.argv.split_first().map_or(("", &[][..]), |(p, a)| (p.as_str(), a));
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.work_dir).stdin(Stdio::null()).process_group(0);
        // Other LOADS_ variables are the agent's own business.
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"LOADS_"))
        {
            command.env_remove(name);
        }
        let share = match order.length {
            Length::Hits(_) => ("LOADS_TOTAL_HITS", user.hits.to_string()),
            Length::Seconds(_) => ("LOADS_DURATION", seconds(order.end.unwrap_or(user.start) - user.start)),
        };
        let own = [
            ("LOADS_ZMQ_RECEIVER", to.to_owned()),
            ("LOADS_TOTAL_USERS", order.users.to_string()),
            ("LOADS_CURRENT_USER", (user.number + 1).to_string()),
            share,
        ];
        command.envs(self.environment.iter().cloned().chain(own));
        let launch = Launch { runner: user.place, command, answer: answer.clone() };
        // The thread lives as long as any launcher.
        let _ = self.thread.send(launch);
    }
}

/// Whose runner is to start, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct User {
    /// Its place among the step's runners.
    pub place: usize,
    /// 0-based number among the agent's users.
    pub number: u32,
    /// Executions (hits steps).
    pub hits: u64,
    /// On the agent's clock.
    pub start: u64,
}

/// The users of a step with their starts; those with nothing left to do are not among them.
pub(super) fn users(order: &StepOrder, agent: u32, agents: u32, ramp_up: u64) -> Vec<User> {
    let all = u64::from(order.users) * u64::from(agents.max(1));
    let (each, rest) = match (order.length, order.executions) {
        (Length::Hits(_), Some(left)) => {
            (left / u64::from(order.users.max(1)), left % u64::from(order.users.max(1)))
        }
        (Length::Hits(hits), None) => (u64::from(hits), 0),
        (Length::Seconds(_), _) => (0, 0),
    };
    let users = (0..order.users).map(|number| {
        let position = u64::from(number) * u64::from(agents.max(1)) + u64::from(agent);
        let delay = u128::from(ramp_up) * u128::from(position) / u128::from(all.max(1));
        User {
            place: 0,
            number,
            hits: each + u64::from(u64::from(number) < rest),
            start: order.start + delay as u64,
        }
    });
    let has_work = |user: &User| order.end.map_or(user.hits > 0, |end| user.start < end);
    let mut users: Vec<User> = users.filter(has_work).collect();
    users.iter_mut().enumerate().for_each(|(place, user)| user.place = place);
    users
}

/// Whole seconds as such, others with three digits.
fn seconds(nanos: u64) -> String {
    if nanos.is_multiple_of(SECOND) {
        (nanos / SECOND).to_string()
    } else {
        format!("{:.3}", nanos as f64 / SECOND as f64)
    }
}

fn find(program: &str, work_dir: &Path, path: &OsStr) -> Result<(), Error> {
    let runs = |file: PathBuf| {
        std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    let found = if program.contains('/') {
        runs(work_dir.join(program))
    } else {
        std::env::split_paths(path).any(|folder| runs(work_dir.join(folder).join(program)))
    };
    if found {
        return Ok(());
    }
    let place = if program.contains('/') { work_dir.display().to_string() } else { "PATH".to_owned() };
    Err(Error::Configuration(format!(
        "spec.external.command: no program {program:?} in {place}: is it in the bundle and executable, or \
         installed in the agent's image? (The command is a list of program and arguments, not a shell line.)"
    )))
}

/// The thread that starts runners: they are killed when it ends, so it must be one that lives as long as
/// the executor, unlike those of the runtime.
fn launch_all(launches: &Receiver<Launch>) {
    for Launch { runner, mut command, answer } in launches {
        let process = start(&mut command);
        let _ = answer.send(Launched { runner, process });
    }
}

#[expect(unsafe_code, reason = "only between fork and exec can a process ask to die with its parent")]
fn start(command: &mut Command) -> io::Result<(Child, io::PipeReader)> {
    let (reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    // SAFETY: the closure makes one system call and touches no memory that another thread may hold.
    unsafe { command.pre_exec(|| Ok(set_pdeathsig(Signal::SIGKILL)?)) };
    Ok((command.spawn()?, reader))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(users: u32, length: Length, executions: Option<u64>) -> StepOrder {
        let end =
            if let Length::Seconds(s) = length { Some(100 * SECOND + u64::from(s) * SECOND) } else { None };
        StepOrder { step: 0, users, length, run_start: 0, start: 100 * SECOND, end, executions }
    }

    #[test]
    fn users_of_all_agents_start_evenly_over_the_ramp() {
        let starts = |agent| -> Vec<u64> {
            users(&order(2, Length::Hits(1), None), agent, 2, 8 * SECOND)
                .iter()
                .map(|u| u.start / SECOND)
                .collect()
        };
        assert_eq!((starts(0), starts(1)), (vec![100, 104], vec![102, 106]));
    }

    #[test]
    fn what_a_lost_agent_left_is_spread_over_the_users() {
        let shares = |left| -> Vec<(u32, u64)> {
            let users = users(&order(3, Length::Hits(10), Some(left)), 0, 1, 0);
            users.iter().map(|u| (u.number, u.hits)).collect()
        };
        assert_eq!(shares(7), [(0, 3), (1, 2), (2, 2)]);
        assert_eq!(shares(1), [(0, 1)]);
        assert_eq!(shares(0), []);
    }

    #[test]
    fn durations_are_whole_where_they_can_be() {
        assert_eq!((seconds(30 * SECOND), seconds(SECOND / 2)), ("30".to_owned(), "0.500".to_owned()));
    }

    #[test]
    fn a_program_that_is_nowhere_is_named_with_the_place() {
        let dir = tempfile::tempdir().unwrap();
        let error = |program: &str| find(program, dir.path(), OsStr::new("/bin")).unwrap_err().to_string();
        assert!(error("no-such-program").contains("in PATH"));
        assert!(error("./runner").contains(&dir.path().display().to_string()));
        std::fs::write(dir.path().join("runner"), "").unwrap();
        assert!(error("./runner").contains("executable"));
        find("sh", dir.path(), OsStr::new("/bin")).unwrap();
    }
}
