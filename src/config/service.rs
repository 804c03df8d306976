//! `[service.NAME]`: a balanced name and what it may be answered with.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::codes;
use crate::config::directory::Directory;
use crate::config::families;
use crate::config::monitors;
use crate::config::notation;
use crate::config::policy::Checked;
use crate::config::pool;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::section::Section;
use crate::config::suggest;
use crate::config::units;
use crate::config::value::Value;
use crate::model::AllDown;
use crate::model::Diagnostic;
use crate::model::Failback;
use crate::model::Monitor;
use crate::model::MonitorId;
use crate::model::Name;
use crate::model::Service;
use crate::model::Ttl;
use crate::model::limits;

/// The TTL unless the file says otherwise.
const TTL_SECS: u32 = 30;

/// The least `ttl-min` that is chosen without being asked for.
const TTL_MIN_SECS: u32 = 5;

/// How long an endpoint that came back may take to get all its clients.
const RAMP: [Duration; 2] = [Duration::ZERO, Duration::from_secs(3600)];

/// A service as written.
pub(super) struct Written {
    /// Its name.
    pub(super) name: At<String>,
    /// The owner names; `None` if they were wrong.
    pub(super) owners: Option<Vec<At<Name>>>,
    /// The name of its policy.
    policy: Option<At<String>>,
    monitors: Option<monitors::Written>,
    ramp: Duration,
    failback: Failback,
    panic: u8,
    ttl: Option<At<Ttl>>,
    ttl_min: Option<At<Ttl>>,
    answers: Option<At<u8>>,
    sticky: bool,
    pub(super) all_down: WrittenAllDown,
    /// Its pools, in the order of the file.
    pub(super) pools: Vec<pool::Written>,
}

/// What to answer when nothing is admitted, as written.
pub(super) enum WrittenAllDown {
    /// A word.
    Word(AllDown),
    /// Addresses, and where they stand.
    Fallback(At<Vec<At<IpAddr>>>),
    /// Something that was wrong.
    Broken,
}

/// Reads `[service.NAME]`.
pub(super) fn read(mut section: Section<'_>) -> Written {
    let name = section.identifier();
    let owners = section.required("name", "\"www.example.com\"");
    let owners = owners.and_then(|value| value.list(|item| item.parsed(notation::domain)));
    let text = |section: &mut Section<'_>, key, example: &str| {
        section.value(key, example).and_then(|value| value.text())
    };
    let policy = text(&mut section, "policy", "\"global\"");
    let monitors = section.value("monitor", "\"web\"").and_then(|value| monitors::read(&value));
    let ramp = section.value("ramp", "\"60s\"");
    let ramp = ramp.and_then(|value| value.quantity("s", |text| units::within(text, RAMP)));
    let failback_of = section.value("failback", "\"manual\"");
    let failback_of = failback_of.and_then(|value| value.parsed(failback));
    let panic = section.value("panic", "\"20%\"").and_then(|value| value.percent());
    let ttl = section.value("ttl", "\"30s\"");
    let ttl = ttl.and_then(|value| value.quantity("s", units::ttl));
    let ttl_min = section.value("ttl-min", "\"15s\"");
    let ttl_min = ttl_min.and_then(|value| value.quantity("s", units::ttl));
    let answers = section.value("answers", "1");
    let answers = answers.and_then(|value| value.integer(1..=limits::ANSWERS));
    let sticky = section.value("sticky", "true").and_then(|value| value.boolean());
    let all_down = section.value("all-down", "\"fail-open\"");
    let all_down = all_down.map_or(WrittenAllDown::Word(AllDown::FailOpen), |v| all_down_in(&v));
    let pools = pools(&mut section);
    section.close();
    Written {
        name,
        owners: owners.map(|at| at.value),
        policy,
        monitors,
        ramp: ramp.map_or(Duration::ZERO, |at| at.value),
        failback: failback_of.map_or(Failback::Automatic, |at| at.value),
        panic: panic.map_or(0, |at| at.value),
        ttl,
        ttl_min,
        answers,
        sticky: sticky.is_some_and(|at| at.value),
        all_down,
        pools,
    }
}

fn pools(section: &mut Section<'_>) -> Vec<pool::Written> {
    let pools = section.named("pool");
    if pools.is_empty() && !section.contains("pool") {
        let At { value: name, span } = &section.name;
        section.reader().report(
            Diagnostic::error(
                codes::SERVICE_WITHOUT_POOL,
                *span,
                format!("service `{name}` has no pool, expected at least one"),
            )
            .label(*span, "nothing to answer")
            .help(format!(
                "add `[service.{name}.pool.REGION]` with `endpoints = [\"192.0.2.10\"]`"
            )),
        );
    }
    pools.into_iter().map(pool::read).collect()
}

fn all_down_in(value: &Value<'_>) -> WrittenAllDown {
    let Some(mut section) = value.as_section() else {
        let word = value.parsed(all_down_word);
        return word.map_or(WrittenAllDown::Broken, |at| WrittenAllDown::Word(at.value));
    };
    let fallback = section.required("fallback", "[\"192.0.2.99\"]");
    let fallback = fallback.and_then(|value| value.list(|item| item.parsed(notation::address)));
    section.close();
    fallback.map_or(WrittenAllDown::Broken, WrittenAllDown::Fallback)
}

fn failback(text: &str) -> Result<Failback, Fault> {
    match text {
        "automatic" => Ok(Failback::Automatic),
        "manual" => Ok(Failback::Manual),
        _ => {
            let words = ["automatic", "manual"];
            let fault = Fault::new(codes::FAILBACK, "\"automatic\" or \"manual\"");
            Err(fault.help(suggest::help(text, words, "the words are")))
        }
    }
}

fn all_down_word(text: &str) -> Result<AllDown, Fault> {
    match text {
        "fail-open" => Ok(AllDown::FailOpen),
        "servfail" => Ok(AllDown::ServFail),
        _ => {
            let words = ["fail-open", "servfail"];
            let expected = "\"fail-open\", \"servfail\" or { fallback = [\"192.0.2.99\"] }";
            let help = suggest::value_help(text, words);
            Err(Fault::new(codes::ALL_DOWN, expected).help(help))
        }
    }
}

/// What services are checked against.
pub(super) struct Against<'a> {
    /// The checked policies; the implicit one if none is written.
    pub(super) policies: &'a [Checked],
    /// Their names.
    pub(super) policy_names: &'a mut Directory,
    /// The monitors.
    pub(super) monitors: &'a mut Directory,
    /// The regions.
    pub(super) regions: &'a mut Directory,
}

/// Resolves the names in a service and looks for what can't work in it.
pub(super) fn check<'a>(
    written: &Written,
    against: &mut Against<'a>,
    problems: &mut Vec<Diagnostic>,
) -> (Service, Option<&'a Checked>) {
    let policies = against.policies;
    let policy = policy_of(written, against, problems);
    let monitors = written.monitors.as_ref();
    let monitors =
        monitors.and_then(|monitors| monitors::check(monitors, against.monitors, problems));
    let checked = policy.and_then(|position| policies.get(position));
    let check_pool = |pool| pool::check(pool, &written.name, checked, against.regions, problems);
    let pools: Vec<_> = written.pools.iter().filter_map(check_pool).collect();
    let (ttl, ttl_min) = ttls(written, problems);
    let mut service = Service {
        name: written.name.value.clone(),
        owners: written.owners.iter().flatten().map(|at| at.value.clone()).collect(),
        policy: policy.unwrap_or_default(),
        ttl,
        ttl_min,
        answers: written.answers.as_ref().map_or(1, |at| at.value),
        sticky: written.sticky,
        all_down: AllDown::FailOpen,
        monitors,
        ramp: written.ramp,
        failback: written.failback,
        panic: written.panic,
        pools,
    };
    service.all_down = families::all_down(written, &service, problems);
    problems.extend(without_weight(written));
    problems.extend(families::mixed(written));
    problems.extend(answers_of_alias(written, &service));
    (service, checked)
}

/// The position of the service's policy: the named one, the only one, the implicit one.
fn policy_of(
    written: &Written,
    against: &mut Against<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<usize> {
    let names = &mut *against.policy_names;
    if let Some(wanted) = &written.policy {
        let position = names.find(wanted, problems)?;
        names.mark(position);
        return Some(position);
    }
    if names.len() <= 1 {
        names.mark(0);
        return Some(0);
    }
    let At { value: name, span } = &written.name;
    let choices = suggest::choice(names.names());
    let message = format!("service `{name}` names no policy; expected one of {choices}");
    problems.push(
        Diagnostic::error(codes::POLICY_NOT_NAMED, *span, message)
            .label(*span, "`policy` is missing, and there are several")
            .help(format!("add `policy = \"{}\"`", names.name(0))),
    );
    // Which one was meant is not known, so none of them is called unused.
    (0..names.len()).for_each(|position| names.mark(position));
    None
}

fn ttls(written: &Written, problems: &mut Vec<Diagnostic>) -> (Ttl, Ttl) {
    let of = |seconds| Ttl::from_secs(seconds).unwrap_or(Ttl::MAX);
    let ttl = written.ttl.as_ref().map_or_else(|| of(TTL_SECS), |at| at.value);
    let Some(least) = &written.ttl_min else {
        return (ttl, of((ttl.secs() / 2).max(TTL_MIN_SECS).min(ttl.secs())));
    };
    if least.value > ttl {
        let (found, most) = (least.value.secs(), ttl.secs());
        let message = format!(
            "`ttl-min` of service `{}` is above its TTL: expected at most \"{most}s\", found \"{found}s\"",
            written.name.value
        );
        let mut problem = Diagnostic::error(codes::TTL_MIN_ABOVE_TTL, least.span, message)
            .label(least.span, format!("more than {most} s"));
        if let Some(ttl) = &written.ttl {
            problem = problem.label(ttl.span, "the TTL");
        }
        problems.push(problem.help(format!("write `ttl-min = \"{most}s\"` or less")));
    }
    (ttl, least.value.min(ttl))
}

/// A TTL that is longer than it takes the monitors to turn an endpoint down: as a client must not
/// be kept longer than that, no answer of what is up has it.
pub(super) fn ttl_never_served(
    written: &Written,
    service: &Service,
    monitors: &[At<Monitor>],
) -> Option<Diagnostic> {
    let ttl = written.ttl.as_ref()?;
    let of = service.monitors.as_ref()?;
    let find = |id: MonitorId| monitors.get(id.index()).map(|at| &at.value);
    let (longest, monitor) = of.down_in(find)?;
    let most = longest.as_secs().max(service.ttl_min.secs().into());
    if u64::from(ttl.value.secs()) <= most {
        return None;
    }
    let (interval, fall) = (units::show(monitor.interval), monitor.fall);
    let message = format!(
        "no answer of service `{}` has its TTL: monitor `{}` can turn an endpoint down in {} \
         (`interval` {interval}, `fall` {fall}), and an answer lives no longer than {most}s",
        service.name,
        monitor.name,
        units::show(longest),
    );
    Some(
        Diagnostic::warning(codes::TTL_NEVER_SERVED, ttl.span, message)
            .label(ttl.span, format!("at most {most}s are ever served"))
            .help(format!(
                "write `ttl = \"{most}s\"`, a larger `ttl-min`, or a longer `interval` of the monitor"
            )),
    )
}

fn without_weight(written: &Written) -> Option<Diagnostic> {
    let first = written.pools.first()?;
    if written.pools.iter().any(|pool| pool.weight.value.0 > 0) {
        return None;
    }
    let name = &written.name.value;
    let message = format!("service `{name}` can never answer: the weights of all its pools are 0");
    Some(
        Diagnostic::error(codes::SERVICE_WITHOUT_WEIGHT, first.weight.span, message)
            .label(first.weight.span, "the weights sum to 0")
            .label(written.name.span, "in this service")
            .help("give one pool a `weight` of 1 or more"),
    )
}

fn answers_of_alias(written: &Written, service: &Service) -> Option<Diagnostic> {
    let answers = written.answers.as_ref().filter(|at| at.value > 1)?;
    if !service.is_alias() {
        return None;
    }
    let message = format!(
        "service `{}` answers with one host name at a time, so `answers = {}` has no effect",
        service.name, answers.value
    );
    Some(
        Diagnostic::warning(codes::ANSWERS_OF_ALIAS, answers.span, message)
            .label(answers.span, "a name has one CNAME record (RFC 2181, 10.1)")
            .help("remove `answers`"),
    )
}
