//! Situations of single settings and of the switch.

use serde_json::json;

use super::{entry, fixed, notify, situation, subject, when_free_is_below};

#[test]
fn the_nearest_owner_wins_setting_by_setting() {
    let check = |one: super::Situation, text: &str, origin: &str| {
        one.expect(&[("subject", json!(text), origin)]);
    };
    check(situation("nothing overrides"), "server", "server");
    let one = situation("event configuration").events(subject("disk.full", "events"));
    check(one, "events", "events");
    let one = situation("another type").events(subject("cpu.hot", "events"));
    check(one, "server", "server");
    let one = situation("another application").events(subject("*", "events"));
    check(one.event("application", json!("Other")), "server", "server");
    let one = situation("policy over event configuration")
        .events(subject("disk.full", "events"))
        .policy("A/B", json!([subject("*", "policy")]));
    check(one, "policy", "policy A/B");
    let one = situation("application over policy")
        .policy("A/B", json!([subject("disk.full", "policy")]))
        .on("pc-17", json!([subject("*", "app")]));
    check(one, "app", "app");
    let one = situation("application on another device").on("pc-18", json!([subject("*", "app")]));
    check(one, "server", "server");
    let one = situation("no device").on("pc-17", json!([subject("*", "app")]));
    check(one.event("device", json!("")), "server", "server");
    situation("each setting by itself")
        .server("sender", json!("s@example.org"))
        .events(entry("*", json!({"email": {"message": "events"}})))
        .policy("A", json!([subject("*", "policy")]))
        .on("pc-17", json!([entry("*", json!({"email": {"recipients": ["a@example.org"]}}))]))
        .expect(&[
            ("subject", json!("policy"), "policy A"),
            ("message", json!("events"), "events"),
            ("recipients", json!(["a@example.org"]), "app"),
            ("sender", json!("s@example.org"), "server"),
            ("html_message", json!(""), "default"),
        ]);
    situation("a list is taken whole")
        .server("recipients", json!(["a@example.org", "b@example.org"]))
        .events(entry("*", json!({"email": {"recipients": ["c@example.org"]}})))
        .expect(&[("recipients", json!(["c@example.org"]), "events")]);
    situation("an empty text is a value").policy("A", json!([subject("*", "")])).expect(&[(
        "subject",
        json!(""),
        "policy A",
    )]);
}

#[test]
fn a_type_goes_before_its_severity_before_all_events() {
    let check = |one: super::Situation, text: &str| {
        one.expect(&[("subject", json!(text), "events")]);
    };
    let all = || situation("all events").events(subject("*", "all"));
    let severity = || all().events(subject("!critical", "severity"));
    let typed = || severity().events(subject("disk.full", "type"));
    check(all(), "all");
    check(severity(), "severity");
    check(typed(), "type");
    check(typed().event("type", json!("cpu.hot")), "severity");
    check(typed().event("severity", json!("info")), "type");
    check(typed().event("type", json!("cpu.hot")).event("severity", json!("info")), "all");
    situation("a nearer owner's widest entry goes before a farther one's type")
        .events(subject("disk.full", "type"))
        .policy("", json!([subject("*", "all")]))
        .expect(&[("subject", json!("all"), "policy root")]);
}

#[test]
fn policies_hold_below_their_group() {
    let check = |group: &str, at: &str, expected: bool| {
        let (text, origin) = match expected {
            true => ("policy", format!("policy {}", if group.is_empty() { "root" } else { group })),
            false => ("server", "server".to_owned()),
        };
        situation("where a policy holds")
            .policy(group, json!([subject("*", "policy")]))
            .event("group", json!(at))
            .expect(&[("subject", json!(text), &origin)]);
    };
    check("A", "A", true);
    check("A", "A/B", true);
    check("A", "A/B/C", true);
    check("A/B", "A", false);
    check("A/B", "A/D", false);
    check("A", "E", false);
    check("A", "AB", false);
    check("A", "", false);
    check("", "", true);
    check("", "A/B/C", true);
    check("A", "A/new group", true);
    let nested = || {
        situation("nested")
            .policy("", json!([subject("*", "root")]))
            .policy("A", json!([subject("*", "a")]))
            .policy("A/B", json!([subject("cpu.hot", "b")]))
    };
    nested().expect(&[("subject", json!("a"), "policy A")]);
    let hot = nested().event("type", json!("cpu.hot"));
    hot.expect(&[("subject", json!("b"), "policy A/B")]);
    nested().event("group", json!("E")).expect(&[("subject", json!("root"), "policy root")]);
    situation("a policy that is off, and one above it")
        .policy("A", json!([subject("*", "a")]))
        .policy_with("A/B", json!({"enabled": false, "inherit": false}), json!([fixed("*", "b")]))
        .expect(&[("subject", json!("a"), "policy A")]);
    situation("a policy for another application")
        .policy_with("A", json!({"application": "Other"}), json!([subject("*", "a")]))
        .expect(&[("subject", json!("server"), "server")]);
}

#[test]
fn a_policy_that_does_not_inherit_hides_those_above_unless_they_force() {
    let check = |above: super::Situation, expected: (&str, &str)| {
        above
            .policy_with("A/B", json!({"inherit": false}), json!([subject("cpu.hot", "b")]))
            .expect(&[("subject", json!(expected.0), expected.1)]);
    };
    let upper = || situation("no inheritance").policy("A", json!([subject("*", "a")]));
    check(upper(), ("server", "server"));
    check(upper().events(subject("*", "events")), ("events", "events"));
    let forced = json!({"force_children": true});
    let root = |attributes: serde_json::Value| {
        upper().policy_with("", attributes, json!([subject("*", "root")]))
    };
    check(root(json!({})), ("server", "server"));
    check(root(forced.clone()), ("root", "policy root"));
    let upper = situation("forced").policy_with("A", forced.clone(), json!([subject("*", "a")]));
    check(upper, ("a", "policy A"));
    let upper = situation("forced, its root not")
        .policy("", json!([subject("*", "root")]))
        .policy_with("A", forced.clone(), json!([entry("*", json!({"email": {"message": "a"}}))]));
    check(upper, ("server", "server"));
    let off = json!({"force_children": true, "enabled": false});
    check(
        situation("forced, but off").policy_with("A", off, json!([subject("*", "a")])),
        ("server", "server"),
    );
    situation("it hides them for the groups below it too")
        .policy("A", json!([subject("*", "a")]))
        .policy_with("A/B", json!({"inherit": false}), json!([]))
        .event("group", json!("A/B/C"))
        .expect(&[("subject", json!("server"), "server")]);
    situation("and not for its siblings")
        .policy("A", json!([subject("*", "a")]))
        .policy_with("A/B", json!({"inherit": false}), json!([]))
        .event("group", json!("A/D"))
        .expect(&[("subject", json!("a"), "policy A")]);
}

#[test]
fn a_locked_value_wins_over_what_is_nearer() {
    let check = |one: super::Situation, text: &str, origin: &str| {
        one.expect(&[("subject", json!(text), origin)]);
    };
    let app = json!([subject("disk.full", "app")]);
    let one = situation("lock against application settings").on("pc-17", app.clone());
    check(one.policy("A/B", json!([fixed("*", "b")])), "b", "policy A/B!");
    let one = situation("lock of the root").on("pc-17", app.clone());
    check(one.policy("", json!([fixed("*", "root")])), "root", "policy root!");
    let one = situation("lock against a nearer policy")
        .policy("A", json!([fixed("*", "a")]))
        .policy("A/B", json!([subject("disk.full", "b")]));
    check(one, "a", "policy A!");
    let one = situation("a nearer lock binds only what is nearer still")
        .policy("A", json!([subject("*", "a")]))
        .policy("A/B", json!([fixed("*", "b")]))
        .on("pc-17", app.clone());
    check(one, "b", "policy A/B!");
    let one = situation("locks of two policies that only may meet")
        .policy("A", json!([fixed("!critical", "a")]))
        .policy("A/B", json!([fixed("disk.full", "b")]))
        .on("pc-17", app.clone());
    check(one, "a", "policy A!");
    let one = situation("a lock for another type")
        .policy("A", json!([fixed("cpu.hot", "a")]))
        .on("pc-17", app.clone());
    check(one, "app", "app");
    let one = situation("a lock that is not inherited")
        .policy("A", json!([fixed("*", "a")]))
        .policy_with("A/B", json!({"inherit": false}), json!([subject("*", "b")]));
    check(one, "b", "policy A/B");
    let one = situation("a lock that is forced")
        .policy_with("A", json!({"force_children": true}), json!([fixed("*", "a")]))
        .policy_with("A/B", json!({"inherit": false}), json!([subject("*", "b")]));
    check(one, "a", "policy A!");
    let one = situation("a lock of a policy that is off")
        .policy_with("A", json!({"enabled": false}), json!([fixed("*", "a")]))
        .on("pc-17", app.clone());
    check(one, "app", "app");
    let one = situation("a lock elsewhere in the tree")
        .policy("A/D", json!([fixed("*", "d")]))
        .on("pc-17", app.clone());
    check(one, "app", "app");
    let one = situation("a policy's own exception to its lock")
        .policy("A", json!([fixed("*", "all"), subject("disk.full", "type")]))
        .on("pc-17", app.clone());
    check(one, "type", "policy A!");
    let one = situation("locks for a severity and for all")
        .policy("A", json!([fixed("*", "all"), fixed("!critical", "severity")]));
    check(one.on("pc-17", app.clone()), "severity", "policy A!");
    situation("one setting is locked, another is not")
        .policy(
            "A",
            json!([entry(
                "*",
                json!({"locked": ["email.subject"],
            "email": {"subject": "a", "message": "a"}})
            )]),
        )
        .on("pc-17", json!([entry("*", json!({"email": {"subject": "app", "message": "app"}}))]))
        .expect(&[("subject", json!("a"), "policy A!"), ("message", json!("app"), "app")]);
}

#[test]
fn the_switch_is_an_override_like_any_other() {
    situation("severities of the server").expect(&[(
        "on",
        json!(true),
        "notify_about includes severity `critical`",
    )]);
    situation("not among the severities").event("severity", json!("info")).expect(&[(
        "on",
        json!(false),
        "notify_about does not include severity `info`",
    )]);
    situation("only where configured, and it is not")
        .server("notify_about", json!("configured"))
        .expect(&[("on", json!(false), "`configured`")]);
    situation("only where configured, and it is")
        .server("notify_about", json!("configured"))
        .events(notify("disk.full", true))
        .expect(&[("on", json!(true), "turned on (event configuration)")]);
    situation("turned off for one type").events(notify("disk.full", false)).expect(&[(
        "on",
        json!(false),
        "turned off (event configuration)",
    )]);
    situation("turned on for a severity that the server leaves out")
        .events(notify("!info", true))
        .event("severity", json!("info"))
        .expect(&[("on", json!(true), "turned on (event configuration)")]);
    situation("on in the event configuration, off in a policy")
        .events(notify("*", true))
        .policy("A", json!([notify("!critical", false)]))
        .expect(&[("on", json!(false), "turned off (from policy A)")]);
    situation("a locked switch against application settings")
        .policy(
            "A",
            json!([entry(
                "*",
                json!({"email": {"notify": true},
            "locked": ["email.notify"]})
            )]),
        )
        .on("pc-17", json!([notify("*", false)]))
        .expect(&[
            ("on", json!(true), "turned on (from policy A)"),
            ("notify", json!(true), "policy A!"),
        ]);
}

#[test]
fn a_condition_decides_whether_its_layer_is_there() {
    let check = |free: u32, text: &str, origin: &str| {
        situation("a condition")
            .events(subject("disk.full", "type"))
            .events(when_free_is_below(5, subject("disk.full", "few")))
            .events(when_free_is_below(2, subject("disk.full", "fewer")))
            .event("free", json!(free))
            .expect(&[("subject", json!(text), origin)]);
    };
    check(3, "few", "events");
    // The earlier one, where both hold.
    check(1, "few", "events");
    check(5, "type", "events");
    situation("a condition on a wider entry")
        .events(subject("disk.full", "type"))
        .events(when_free_is_below(5, subject("*", "few")))
        .expect(&[("subject", json!("type"), "events")]);
    let locked = || {
        situation("a lock under a condition")
            .policy("A", json!([when_free_is_below(5, fixed("*", "few"))]))
            .on("pc-17", json!([subject("*", "app")]))
    };
    locked().expect(&[("subject", json!("few"), "policy A!")]);
    locked().event("free", json!(7)).expect(&[("subject", json!("app"), "app")]);
    situation("a switch under a condition")
        .policy("A", json!([when_free_is_below(5, notify("*", false))]))
        .expect(&[("on", json!(false), "turned off (from policy A)")]);
}

#[test]
fn the_nearest_storage_term_counts() {
    let term = |events: &str, days: u32| entry(events, json!({"storage_term_days": days}));
    situation("none").expect(&[("storage_term_days", json!(null), "")]);
    let one = || situation("terms").events(term("*", 10)).events(term("disk.full", 0));
    one().expect(&[("storage_term_days", json!(0), "events")]);
    one().event("type", json!("x")).expect(&[("storage_term_days", json!(10), "events")]);
    let policy = one().policy("A", json!([term("!critical", 20)]));
    policy.clone().expect(&[("storage_term_days", json!(20), "policy A")]);
    policy
        .on("pc-17", json!([subject("*", "app")]))
        .expect(&[("storage_term_days", json!(20), "policy A"), ("subject", json!("app"), "app")]);
}
