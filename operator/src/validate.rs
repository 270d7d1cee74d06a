//! What the CRD's rules can not say: the administrator's limits, and what else a run needs. Pure.

use loads_api::LoadTest;
use loads_api::conditions::reason;
use loads_api::template::PodTemplate;
use loads_wire::Plan;
use loads_wire::plan::ExecutorPlan;
use loads_wire::target::Targets;
use url::Url;

use crate::config::Config;
use crate::problem::Problem;

/// Environment variables of the pods that are the operator's to set.
const OWN_ENVIRONMENT: [&str; 2] = ["LOADS_", "JOB_COMPLETION_INDEX"];
/// Prefixes of labels and annotations that are the operator's or Kubernetes' to set.
const OWN_LABELS: [&str; 3] = ["loads.dev/", "app.kubernetes.io/", "batch.kubernetes.io/"];

/// What a LoadTest asks for. The administrator's limits are not among it, so that lowering them later ends
/// no run that was accepted.
pub fn plan(test: &LoadTest, run_id: &str, config: &Config) -> Result<Plan, Problem> {
    let plan = test
        .plan(run_id)
        .map_err(|wrong| Problem::of_spec(reason::INVALID_SPEC, format!("{wrong}: correct the LoadTest")))?;
    let targets = Targets { allow: config.allow_targets.clone() };
    Ok(Plan { targets: Some(targets), ..plan })
}

/// Whether the LoadTest may run here with this plan.
pub fn validate(test: &LoadTest, plan: &Plan, config: &Config) -> Result<(), Problem> {
    limits(plan, config)?;
    allowed(plan)?;
    let templates =
        [("agentTemplate", &test.spec.agent_template), ("brokerTemplate", &test.spec.broker_template)];
    for (field, template) in templates {
        template.as_ref().map_or(Ok(()), |template| pod_template(field, template))?;
    }
    Ok(())
}

fn limits(plan: &Plan, config: &Config) -> Result<(), Problem> {
    let over = |field: &str, value: String, flag: &str, most: String| {
        let message = format!(
            "spec.{field} comes to {value}, and this operator allows at most {most}: lower it, or ask the administrator to raise {flag}"
        );
        Err(Problem::of_spec(reason::OVER_LIMIT, message))
    };
    if plan.agents > config.max_agents {
        return over("agents", plan.agents.to_string(), "--max-agents", config.max_agents.to_string());
    }
    if let Some(rate) = plan.rate.filter(|rate| *rate > config.max_rate) {
        return over("rate", rate.to_string(), "--max-rate", config.max_rate.to_string());
    }
    let most = config.max_duration.as_secs();
    match plan.timetable_seconds() {
        Some(seconds) if seconds > most => {
            over("duration", format!("{seconds}s over all steps"), "--max-duration", format!("{most}s"))
        }
        _ => Ok(()),
    }
}

fn allowed(plan: &Plan) -> Result<(), Problem> {
    let Some(targets) = &plan.targets else { return Ok(()) };
    let mut urls: Vec<&str> = plan.server_url.iter().map(String::as_str).collect();
    if let ExecutorPlan::Http(http) = &plan.executor {
        urls.extend(http.requests.iter().map(|r| r.path.as_str()).filter(|path| !path.starts_with('/')));
    }
    for text in urls {
        let wrong = |why: String| {
            Problem::of_spec(reason::INVALID_SPEC, format!("{text:?} can not be used as a target: {why}"))
        };
        let url = Url::parse(text).map_err(|e| wrong(e.to_string()))?;
        let host = url.host_str().ok_or_else(|| wrong("it names no host".to_owned()))?;
        targets
            .admit(host)
            .map_err(|refusal| Problem::of_spec(reason::TARGET_NOT_ALLOWED, refusal.to_string()))?;
    }
    Ok(())
}

fn pod_template(field: &str, template: &PodTemplate) -> Result<(), Problem> {
    let taken = |what: &str, name: &str| {
        let message = format!("spec.{field}.{what}: {name:?} is set by the operator: choose another name");
        Err(Problem::of_spec(reason::INVALID_SPEC, message))
    };
    if let Some(variable) =
        template.env.iter().find(|v| OWN_ENVIRONMENT.iter().any(|own| v.name.starts_with(own)))
    {
        return taken("env", &variable.name);
    }
    for (what, map) in [("labels", &template.labels), ("annotations", &template.annotations)] {
        if let Some(key) = map.keys().find(|key| OWN_LABELS.iter().any(|own| key.starts_with(own))) {
            return taken(what, key);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config;
    use crate::tests::load_test;

    fn judge(spec: &str, args: &[&str]) -> Result<Plan, Problem> {
        let (test, config) = (load_test(spec), config(args));
        let plan = plan(&test, "r", &config)?;
        validate(&test, &plan, &config).map(|()| plan)
    }

    fn reason_of(spec: &str, args: &[&str]) -> (&'static str, String) {
        let problem = judge(spec, args).unwrap_err();
        (problem.reason, problem.message)
    }

    #[test]
    fn a_valid_test_becomes_a_plan_with_the_targets_it_may_reach() {
        let plan = judge("", &["--allow-target", "shop"]).unwrap();
        assert_eq!(plan.targets.unwrap().allow, ["shop"]);
    }

    #[test]
    fn each_ceiling_is_named_with_the_flag_that_raises_it() {
        for (spec, args, flag) in [
            ("agents: 6", ["--max-agents", "5"], "--max-agents"),
            ("rate: 11\nduration: 5", ["--max-rate", "10"], "--max-rate"),
            ("users: '1:2'\nduration: 40", ["--max-duration", "1m"], "--max-duration"),
        ] {
            let (reason, message) = reason_of(spec, &args);
            assert_eq!(reason, reason::OVER_LIMIT);
            assert!(message.contains(flag), "{message}");
        }
    }

    #[test]
    fn a_target_off_the_list_and_a_metadata_address_are_refused() {
        let (reason, message) = reason_of("", &["--allow-target", "elsewhere"]);
        assert_eq!(reason, reason::TARGET_NOT_ALLOWED);
        assert!(message.contains("shop"), "{message}");
        let (reason, _) = reason_of("serverURL: http://169.254.169.254/latest", &[]);
        assert_eq!(reason, reason::TARGET_NOT_ALLOWED);
        let whole = "executor: http\ntest: t\nhttp: {requests: [{path: 'http://169.254.169.254/'}]}";
        assert_eq!(reason_of(whole, &[]).0, reason::TARGET_NOT_ALLOWED);
    }

    #[test]
    fn a_template_can_not_take_what_is_the_operators() {
        for spec in [
            "agentTemplate: {env: [{name: LOADS_RUN_ID, value: x}]}",
            "brokerTemplate: {labels: {loads.dev/run: x}}",
            "agentTemplate: {annotations: {app.kubernetes.io/name: x}}",
        ] {
            assert_eq!(reason_of(spec, &[]).0, reason::INVALID_SPEC, "{spec}");
        }
    }
}
