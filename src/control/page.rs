//! `/`: the status for a browser, with nothing from elsewhere and no script.

use std::fmt::Write;

use crate::engine::AdminStatus;
use crate::engine::ClusterStatus;
use crate::engine::Contact;
use crate::engine::ServiceStatus;
use crate::engine::Status;
use crate::engine::Unsettled;
use crate::health::Hearing;
use crate::health::Verdict;
use crate::model::AdminState;

/// Draws the page.
pub(super) fn draw(status: &Status) -> String {
    let mut out = String::from(HEAD);
    // Writing to a string can't fail.
    let _ok = write(&mut out, status);
    out
}

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<meta http-equiv=\"refresh\" content=\"5\">
<title>Meridian</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin-bottom: 2rem; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; }
th { font-weight: 600; }
.up { color: light-dark(#176b34, #6fcf8f); }
.down { color: light-dark(#b3261e, #ff8a80); font-weight: 600; }
.other { color: light-dark(#7a5b00, #e8c268); }
p, footer { color: light-dark(#555, #aaa); }
</style>
";

fn write(out: &mut String, status: &Status) -> std::fmt::Result {
    let down = status.checks.iter().filter(|check| check.verdict == Verdict::Down).count();
    writeln!(out, "<h1>Meridian</h1>")?;
    writeln!(
        out,
        "<p>{}, generation {}, {} services, {} checks, {down} of them down</p>",
        second(status.at),
        status.generation,
        status.services.len(),
        status.checks.len()
    )?;
    write_problems(out, status)?;
    write_cluster(out, &status.cluster)?;
    write_regions(out, status)?;
    for service in &status.services {
        write_service(out, service)?;
    }
    if !status.admin.is_empty() {
        writeln!(out, "<h2>Admin states</h2>\n<table>")?;
        writeln!(out, "<tr><th>Of<th>State<th>Who<th>Why<th>Until")?;
        for admin in &status.admin {
            let until = admin.until.map_or_else(|| "changed".to_owned(), second);
            writeln!(
                out,
                "<tr><td>{}<td class=\"other\">{}<td>{}<td>{}<td>{until}",
                escaped(&admin.target.to_string()),
                admin.state,
                escaped(&admin.who),
                escaped(&admin.why),
            )?;
        }
        writeln!(out, "</table>")?;
        write_unsettled(out, &status.admin)?;
    }
    writeln!(
        out,
        "<footer><a href=\"/api/v1/status\">JSON</a> · <a href=\"/metrics\">metrics</a> · \
         <a href=\"/api/v1/openapi.json\">API</a></footer>\n</html>"
    )
}

/// What is wrong with the node itself.
fn write_problems(out: &mut String, status: &Status) -> std::fmt::Result {
    if status.problems.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<h2>Problems of this node</h2>\n<table>\n<tr><th>Problem<th>Of<th>Words<th>Since"
    )?;
    for problem in &status.problems {
        writeln!(
            out,
            "<tr><td class=\"down\">{}<td>{}<td>{}<td>{}",
            problem.code.as_str(),
            escaped(&problem.subject),
            escaped(&problem.message),
            second(problem.since)
        )?;
    }
    writeln!(out, "</table>")
}

/// Who is still answered with what operators took out, if anybody is.
fn write_unsettled(out: &mut String, admin: &[AdminStatus]) -> std::fmt::Result {
    for (target, unsettled) in admin.iter().filter_map(|a| Some((&a.target, a.unsettled.as_ref()?)))
    {
        let Unsettled { clients, clients_total, nodes, nodes_total } = unsettled;
        let target = escaped(&target.to_string());
        if *clients_total > 0 {
            let some: Vec<String> = clients.iter().map(|c| escaped(&c.to_string())).collect();
            writeln!(
                out,
                "<p class=\"down\">{target} is still answered, since nothing else is in service for \
                 {clients_total} kinds of clients: {}",
                some.join("; ")
            )?;
        }
        if *nodes_total > 0 {
            writeln!(
                out,
                "<p class=\"other\">{target}: {nodes_total} name servers have not said that they have \
                 the same admin states: {}",
                escaped(&nodes.join(", "))
            )?;
        }
    }
    Ok(())
}

/// With whom the node shares what it knows, where there is anybody.
fn write_cluster(out: &mut String, cluster: &ClusterStatus) -> std::fmt::Result {
    if cluster.vantages.len() < 2 && cluster.contact == Contact::Joined {
        return Ok(());
    }
    let (word, class) = match cluster.contact {
        Contact::Joined => ("joined", "up"),
        Contact::Starting => ("starting", "other"),
        Contact::Rejoining => ("rejoining", "other"),
        Contact::Lost => ("lost", "down"),
        Contact::Alone => ("alone", "down"),
    };
    let since = cluster.since.map(second).unwrap_or_default();
    writeln!(out, "<h2>Cluster <span class=\"{class}\">{word}</span></h2>")?;
    writeln!(out, "<p>{} since {since} {}</p>", escaped(&cluster.node), escaped(&cluster.why))?;
    writeln!(out, "<table>\n<tr><th>Vantage<th>Group<th>Heard<th>Up<th>Down<th>Differs<th>Last")?;
    for vantage in &cluster.vantages {
        let class = match vantage.hearing {
            Hearing::Heard => "up",
            Hearing::Silent => "other",
            Hearing::CutOff => "down",
        };
        writeln!(
            out,
            "<tr><td>{}<td>{}<td class=\"{class}\">{}<td>{}<td>{}<td>{}<td>{}",
            escaped(&vantage.vantage),
            escaped(&vantage.group),
            vantage.hearing,
            vantage.up,
            vantage.down,
            vantage.differs,
            vantage.heard.map(second).unwrap_or_default()
        )?;
    }
    writeln!(out, "</table>")
}

fn write_service(out: &mut String, service: &ServiceStatus) -> std::fmt::Result {
    let state = service.state.as_str();
    let class = match state {
        "up" => "up",
        "all-down" => "down",
        _ => "other",
    };
    writeln!(
        out,
        "<h2>{} <span class=\"{class}\">{state}</span></h2>\n<p>{}</p>\n<table>",
        escaped(&service.service),
        escaped(&service.names.join(", "))
    )?;
    writeln!(out, "<tr><th>Region<th>Endpoint<th>Verdict<th>Admin<th>Share<th>Since<th>Reason")?;
    for pool in &service.pools {
        for endpoint in &pool.endpoints {
            let class = class_of(endpoint.verdict);
            let admin = match (endpoint.admin, pool.admin) {
                (AdminState::Auto, AdminState::Auto) => String::new(),
                (AdminState::Auto, of_pool) => format!("pool {of_pool}"),
                (of_endpoint, _) => of_endpoint.to_string(),
            };
            let reason = if endpoint.reason.is_empty() { &pool.reason } else { &endpoint.reason };
            let since = endpoint.since.map(second).unwrap_or_default();
            writeln!(
                out,
                "<tr><td>{}<td>{}<td class=\"{class}\">{}<td>{admin}<td>{} %<td>{since}<td>{}",
                escaped(&pool.region),
                escaped(&endpoint.endpoint),
                endpoint.verdict,
                endpoint.share,
                escaped(reason)
            )?;
        }
    }
    writeln!(out, "</table>")
}

/// What the regions come to.
fn write_regions(out: &mut String, status: &Status) -> std::fmt::Result {
    writeln!(out, "<h2>Regions</h2>\n<table>")?;
    writeln!(out, "<tr><th>Region<th>Verdict<th>Admin<th>Pools up<th>Since<th>Reason")?;
    for region in &status.regions {
        let admin = if region.admin == AdminState::Auto { "" } else { region.admin.as_str() };
        writeln!(
            out,
            "<tr><td>{}<td class=\"{}\">{}<td>{admin}<td>{}<td>{}<td>{}",
            escaped(&region.region),
            class_of(region.verdict),
            region.verdict,
            region.pools_shown(),
            region.since.map(second).unwrap_or_default(),
            escaped(&region.reason)
        )?;
    }
    writeln!(out, "</table>")
}

/// The class of a verdict, for its colour.
const fn class_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Up => "up",
        Verdict::Down => "down",
        Verdict::Unknown => "other",
    }
}

/// A time to the second.
fn second(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// As text of HTML, whatever it is.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::fixture;

    #[test]
    fn a_region_has_its_verdict_with_cause_and_time() {
        let mut status = fixture::status();
        let region = &mut status.regions[1];
        (region.verdict, region.reason) = (Verdict::Down, "status 503".into());
        let page = draw(&status);
        let row = "<tr><td>eu-west<td class=\"down\">down<td>drained<td>1 of 1 probed\
                   <td>2026-01-02 03:00:00 UTC<td>status 503\n";
        assert!(page.contains(row), "{page}");
    }

    #[test]
    fn what_others_wrote_is_text() {
        let mut status = fixture::status();
        status.services[0].pools[0].endpoints[0].reason = "<script>alert('x')</script>".into();
        let page = draw(&status);
        assert!(page.contains("kernel &lt;upgrade&gt;"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)"), "{page}");
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("://"), "nothing comes from elsewhere: {page}");
    }
}
