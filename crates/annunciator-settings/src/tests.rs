//! The rules of settings on a group that uses everything, and the laws of layers.

use std::borrow::Borrow;

use annunciator_core::Severity;
use expect_test::{Expect, expect, expect_file};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

crate::choice! {
    /// What a limit counts.
    pub(crate) enum Per {
        /// All notifications of the channel.
        Channel = "channel",
        /// Those of each event type.
        EventType = "event_type",
    }
}

crate::object! {
    /// At most so many in a period.
    pub(crate) struct Limit {
        /// Most notifications.
        count: u32, range(1, 1_000);
        /// Length of the period.
        period_s: u64 = 60, range(1, 86_400), measure("seconds");
        /// What is counted.
        per: Per = Per::Channel;
    }
}

fn no_lone_percent(text: &str) -> Result<(), String> {
    if text.ends_with(" %") {
        Err("a percent sign stands alone: write %%".to_owned())
    } else {
        Ok(())
    }
}

crate::settings! {
    /// A group with one setting of each kind.
    pub(crate) struct Sample / SampleLayer {
        /// Servers, tried in the order given.
        servers: TextList = TextList::default(),
            format(Format::HostName), items_max(3), chars_max(20), leads_unit("relay");
        /// TCP port of the servers.
        port: u16 = 25, range(1, 65_535), unit("relay"), binds_secrets();
        /// Whether to authenticate.
        ///
        /// Needs a password.
        auth: bool = false, unit("relay");
        /// Password.
        password: Secret = Secret::default(), unit("relay"), only_when("auth", "true");
        /// Subject line.
        subject: String = "%EVENT%".to_owned(),
            chars_max(30), format(Format::Template), check(no_lone_percent);
        /// What to notify about.
        notify_about: NotifyAbout = NotifyAbout::Severities(vec![Severity::Critical]);
        /// How often.
        limit: Option<Limit> = None;
        /// Waits between tries.
        waits_s: Vec<u32> = vec![60, 120], range(1, 3_600), measure("seconds"), items_max(4);
        /// What is counted.
        per: Per = Per::Channel;
        /// Lifetime.
        lifetime_s: u64 = 172_800;
    }
}

fn layer(json: impl Borrow<Value>) -> SampleLayer {
    SampleLayer::from_json(json.borrow()).unwrap()
}

#[test]
fn the_definitions_have_no_faults() {
    assert_eq!(find_faults(Sample::definitions()), Vec::<String>::new());
    let faulty: &[Definition] = &[Definition {
        key: "a",
        doc_source: " no sentence",
        kind_under: Vec::<Secret>::kind,
        default: || None,
        rules: Rules::DEFAULT.unit("u").only_when("b", "true"),
    }];
    assert_eq!(find_faults(faulty).len(), 4);
}

#[test]
fn compiled_defaults_pass_their_own_rules() {
    let defaults = Sample::default().to_json();
    // An empty secret is no secret; everything else reads back.
    assert_eq!(layer(defaults.clone()).to_json(), defaults);
    assert_eq!(Sample::resolve(&[]).values, Sample::default());
}

#[test]
fn every_kind_of_value_is_read_and_written() {
    for (key, value, expected) in [
        ("servers", json!("a.example; b.example,a.example;"), json!(["a.example", "b.example"])),
        ("servers", json!([" 10.0.0.1 ", "::1", "PC_1", ""]), Value::Null), /* too many */
        ("servers", json!(["10.0.0.1 ", "::1", ""]), json!(["10.0.0.1", "::1"])),
        ("port", json!(587), json!(587)),
        ("auth", json!(true), json!(true)),
        ("password", json!("p\tw "), json!("<secret>")),
        ("password", json!(""), json!("")),
        ("subject", json!(""), json!("")),
        ("subject", json!("a\nb"), json!("a\nb")),
        ("notify_about", json!("all"), json!("all")),
        ("notify_about", json!("configured"), json!("configured")),
        ("notify_about", json!("failure, info"), json!(["info", "failure"])),
        ("notify_about", json!(["failure", "info", "failure"]), json!(["info", "failure"])),
        ("limit", json!("none"), json!("none")),
        ("limit", json!({"count": 5}), json!({"count": 5, "period_s": 60, "per": "channel"})),
        ("waits_s", json!([1, 3600]), json!([1, 3600])),
        ("per", json!("event_type"), json!("event_type")),
        ("lifetime_s", json!(u64::MAX), json!(u64::MAX)),
    ] {
        let read = SampleLayer::from_json(&json!({key: value}));
        let written = read.map(|layer| layer.to_json()[key].clone());
        assert_eq!(written.unwrap_or_default(), expected, "{key}");
    }
}

fn check_problems(document: &Value, expected: &Expect) {
    let problems = SampleLayer::from_json(document).unwrap_err();
    let lines: Vec<_> =
        problems.iter().map(|p| format!("{} at {:?}: {}\n", p.code, p.pointer, p.detail)).collect();
    expected.assert_eq(&lines.concat());
}

#[test]
fn all_problems_are_reported_at_once_with_place_and_remedy() {
    check_problems(
        &json!({
            "servers": ["a b", "x".repeat(21), 7],
            "port": 70000,
            "auth": "yes",
            "password": 1,
            "subject": "100 %",
            "notify_about": ["bad"],
            "limit": {"period_s": 0, "cuont": 1, "per": "day"},
            "waits_s": [1, 0, 1.5, "x"],
            "per": "x",
            "lifetime_s": -1,
            "pasword": "x",
            "a/b~c": 1,
        }),
        &expect![[r#"
            unknown_field at "/a~1b~0c": `a/b~c` is not known here: remove it
            unknown_field at "/pasword": `pasword` is not known here: did you mean `password`?
            type at "/servers/2": must be text, not a number
            range at "/port": must be from 1 to 65535, not 70000
            type at "/auth": must be true or false, not text
            type at "/password": must be text, not a number
            format at "/subject": a percent sign stands alone: write %%
            one_of at "/notify_about/0": must be `all`, `configured`, or a list of `info`, `warning`, `failure` and `critical`
            unknown_field at "/limit/cuont": `cuont` is not known here: did you mean `count`?
            required at "/limit/count": must be given
            range at "/limit/period_s": must be from 1 to 86400, not 0
            one_of at "/limit/per": must be `channel` or `event_type`
            range at "/waits_s/1": must be from 1 to 3600, not 0
            type at "/waits_s/2": must be a whole number, not 1.5
            type at "/waits_s/3": must be a whole number, not text
            one_of at "/per": must be `channel` or `event_type`
            range at "/lifetime_s": must be from 0 to 18446744073709551615, not -1
        "#]],
    );
}

#[test]
fn lists_and_secrets_and_wrong_kinds_are_told_with_place_and_remedy() {
    check_problems(
        &json!({"servers": ["a b", "x".repeat(21)]}),
        &expect![[r#"
            format at "/servers/0": ` ` cannot stand in a host name: remove it
            too_long at "/servers/1": must have at most 20 characters, not 21: shorten it
        "#]],
    );
    check_problems(
        &json!({"servers": "a b; ok; x\u{1b}y"}),
        &expect![[r#"
            format at "/servers": `a b`: ` ` cannot stand in a host name: remove it
            format at "/servers": `x y`: `\u{1b}` cannot stand in a host name: remove it
        "#]],
    );
    check_problems(
        &json!({"servers": ["a", "b", "c", "d"], "waits_s": 1}),
        &expect![[r#"
            too_many at "/servers": must have at most 3 items, not 4: remove some
            type at "/waits_s": must be a list, not a number
        "#]],
    );
    check_problems(
        &json!({"password": "<secret>"}),
        &expect![[r#"
            required at "/password": nothing is stored here that could stay: type the secret
        "#]],
    );
    check_problems(
        &json!([]),
        &expect![[r#"
            type at "": must be an object, not a list
        "#]],
    );
    check_problems(
        &json!({"subject": "\0", "limit": 5, "notify_about": 5}),
        &expect![[r#"
            format at "/subject": `\0` cannot stand in a template: remove it
            type at "/notify_about": must be `all`, `configured`, or a list of `info`, `warning`, `failure` and `critical`
            type at "/limit": must be an object, not a number
        "#]],
    );
}

#[test]
fn a_hostile_document_gets_a_short_answer() {
    let many: serde_json::Map<_, _> = (0..5_000).map(|n| (format!("x{n}"), json!(1))).collect();
    let problems = SampleLayer::from_json(&Value::Object(many)).unwrap_err();
    assert_eq!(problems.len(), PROBLEMS_MAX);
    let long = json!({"k".repeat(100_000): 1});
    assert!(SampleLayer::from_json(&long).unwrap_err()[0].to_string().len() < 500);
}

#[test]
fn a_patch_changes_what_it_names_and_null_clears() {
    let mut saved = layer(json!({"subject": "a", "lifetime_s": 5, "per": "event_type"}));
    saved.merge_patch(&json!({"subject": "b", "lifetime_s": null, "limit": {"count": 1}})).unwrap();
    assert_eq!(
        saved.to_json(),
        json!({
            "subject": "b", "per": "event_type",
            "limit": {"count": 1, "period_s": 60, "per": "channel"},
        })
    );
    let before = saved.clone();
    assert!(saved.merge_patch(&json!({"subject": "c", "port": 0})).is_err());
    assert_eq!(saved, before, "a faulty patch changes nothing");
}

#[test]
fn a_masked_secret_means_unchanged() {
    let mut saved = layer(json!({"servers": "a", "password": "hunter2", "subject": "s"}));
    saved.merge_patch(&json!({"password": "<secret>", "subject": "t"})).unwrap();
    assert_eq!(saved.password.as_ref().unwrap().reveal(), "hunter2");
    saved = SampleLayer::from_json_replacing(&saved, &saved.to_json()).unwrap();
    assert_eq!(saved.password.as_ref().unwrap().reveal(), "hunter2");
    saved.merge_patch(&json!({"password": "other"})).unwrap();
    assert_eq!(saved.password.as_ref().unwrap().reveal(), "other");
    saved.merge_patch(&json!({"password": null})).unwrap();
    assert_eq!(saved.password, None);
    let problems = saved.merge_patch(&json!({"password": "<secret>"})).unwrap_err();
    assert_eq!((problems[0].pointer.as_str(), problems[0].code), ("/password", "required"));
}

#[test]
fn a_secret_never_shows() {
    let saved = layer(json!({"servers": "a", "password": "hunter2"}));
    let resolved = Sample::resolve(&[(Origin::Server, &saved)]);
    let schema = group_schema(Sample::definitions());
    for text in [
        format!("{saved:?} {resolved:?}"),
        saved.to_json().to_string(),
        serde_json::to_string(&saved).unwrap(),
        resolved.to_json().to_string(),
        schema.to_string(),
    ] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    let problems = SampleLayer::from_json(&json!({"password": "hunter2\0"})).unwrap_err();
    assert!(!format!("{problems:?}").contains("hunter2"));
}

#[test]
fn a_secret_must_be_typed_again_for_another_server() {
    let bound = json!({"servers": "a", "password": "hunter2"});
    for (before, patch, retype) in [
        (&bound, json!({"servers": "b"}), true),
        (&bound, json!({"servers": "b", "password": "<secret>"}), true),
        (&bound, json!({"port": 26}), true),
        (&bound, json!({"servers": null}), true),
        (&bound, json!({"servers": []}), true),
        (&bound, json!({"servers": "b", "password": "hunter2"}), false),
        (&bound, json!({"servers": "b", "password": "new"}), false),
        (&bound, json!({"servers": "b", "password": null}), false),
        (&bound, json!({"servers": "b", "password": ""}), false),
        (&bound, json!({"servers": ["a"], "port": 25}), false),
        (&bound, json!({"auth": true, "subject": "x"}), false),
        (&json!({"password": "hunter2"}), json!({"servers": "a", "port": 26}), false),
        (&json!({"servers": "a"}), json!({"servers": "b"}), false),
    ] {
        let mut saved = layer(before);
        let codes: Vec<_> =
            saved.merge_patch(&patch).err().into_iter().flatten().map(|p| p.code).collect();
        assert_eq!(codes, if retype { vec!["retype"] } else { vec![] }, "{patch}");
    }
    let saved = layer(&bound);
    let moved = json!({"servers": "evil", "password": "<secret>"});
    assert_eq!(SampleLayer::from_json_replacing(&saved, &moved).unwrap_err()[0].code, "retype");
}

#[test]
fn secrets_are_sealed_for_the_store_and_opened_again() {
    let saved = layer(json!({"password": "hunter2", "subject": "s"}));
    let stored = saved.to_stored_json(&mut |key, secret| {
        format!("{key}:{}", secret.chars().rev().collect::<String>())
    });
    assert_eq!(stored, json!({"password": "password:2retnuh", "subject": "s"}));
    let mut open = |key: &str, sealed: &str| {
        let text = sealed.strip_prefix(&format!("{key}:")).ok_or("wrong key")?;
        Ok(text.chars().rev().collect())
    };
    assert_eq!(SampleLayer::from_stored_json(&stored, &mut open).unwrap(), saved);
    let foreign = json!({"password": "x"});
    let problems = SampleLayer::from_stored_json(&foreign, &mut open).unwrap_err();
    assert_eq!(problems[0].to_string(), "/password: wrong key");
    let empty = layer(json!({"password": ""}));
    let stored = empty.to_stored_json(&mut |_, _| panic!("an empty secret is not sealed"));
    assert_eq!(SampleLayer::from_stored_json(&stored, &mut open).unwrap(), empty);
}

#[test]
fn a_unit_is_taken_whole_from_the_layer_that_sets_its_leader() {
    let far = json!({"servers": "a", "port": 26, "auth": true, "password": "far"});
    let policy = Origin::Policy("P".into());
    let (server, default) = (Origin::Server, Origin::CompiledDefault);
    // near layer → servers, port, password, origin of port
    for (near, servers, port, password, origin) in [
        (json!({}), "a", 26, "far", &server),
        (json!({"servers": "b"}), "b", 25, "", &default),
        (json!({"servers": "b", "port": 27}), "b", 27, "", &policy),
        (json!({"port": 27, "password": "near"}), "a", 26, "far", &server),
    ] {
        let layers = [(policy.clone(), &layer(near)), (server.clone(), &layer(&far))];
        let resolved = Sample::resolve(&layers);
        assert_eq!(resolved.values.servers.as_slice(), [servers]);
        assert_eq!((resolved.values.port, resolved.values.password.reveal()), (port, password));
        assert_eq!(resolved.origin_of("port"), Some(origin));
    }
    let nobody = [
        (policy, &layer(json!({"port": 27}))),
        (server, &layer(json!({"port": 26, "password": "far"}))),
    ];
    let resolved = Sample::resolve(&nobody);
    assert_eq!((resolved.values.port, resolved.values.password.reveal()), (27, ""));
}

#[test]
fn settings_of_a_unit_without_its_leader_are_found() {
    let problems = layer(json!({"port": 26, "subject": "x"})).find_incomplete_units();
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].pointer.as_str(), problems[0].code), ("/port", "incomplete_unit"));
    assert!(layer(json!({"port": 26, "servers": "a"})).find_incomplete_units().is_empty());
}

#[test]
fn an_effective_value_shows_its_origin() {
    let (near, far) =
        (layer(json!({"subject": "n"})), layer(json!({"subject": "f", "per": "event_type"})));
    let resolved = Sample::resolve(&[
        (Origin::Application("Guard on pc-17".into()), &near),
        (Origin::Server, &far),
    ]);
    let shown = resolved.to_json();
    assert_eq!(
        shown["subject"],
        json!({"value": "n", "origin": {"layer": "application", "name": "Guard on pc-17"}})
    );
    assert_eq!(shown["per"], json!({"value": "event_type", "origin": {"layer": "server"}}));
    assert_eq!(resolved.origin_of("nothing"), None);
    for (origin, text) in [
        (Origin::CompiledDefault, "compiled default"),
        (Origin::Server, "server-wide settings"),
        (Origin::EventConfiguration, "event configuration"),
        (Origin::Policy("Plant A".into()), "from policy Plant A"),
        (Origin::Application("G".into()), "from application settings G"),
    ] {
        assert_eq!(origin.to_string(), text);
    }
}

#[test]
fn a_layer_inside_a_larger_document_names_all_problems() {
    let error = serde_json::from_value::<SampleLayer>(json!({"port": 0, "prot": 1})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/prot: `prot` is not known here: did you mean `port`?; \
         /port: must be from 1 to 65535, not 0"
    );
    assert!(serde_json::from_value::<SampleLayer>(json!({"port": 1})).is_ok());
}

#[test]
fn notify_about_admits_severities() {
    for (json, admitted) in [
        (json!("all"), vec!["info", "warning", "failure", "critical"]),
        (json!("configured"), vec![]),
        (json!([]), vec![]),
        (json!(["critical", "warning"]), vec!["warning", "critical"]),
        (json!("critical"), vec!["critical"]),
        (json!("critical; warning"), vec!["warning", "critical"]),
    ] {
        let about = NotifyAbout::parse(&json, &Rules::DEFAULT).unwrap();
        let found: Vec<_> =
            Severity::ALL.into_iter().filter(|s| about.admits(*s)).map(Severity::as_str).collect();
        assert_eq!(found, admitted);
    }
}

#[test]
fn one_text_is_split_at_separators_outside_quotes() {
    for (text, expected) in [
        ("", vec![]),
        (" ; , ", vec![]),
        ("a;b,c", vec!["a", "b", "c"]),
        (r#""a;b"@x; "c\",d"@y"#, vec![r#""a;b"@x"#, r#""c\",d"@y"#]),
    ] {
        let list = TextList::parse(&json!(text), &Rules::DEFAULT).unwrap();
        assert_eq!(list.as_slice(), expected, "{text}");
        assert_eq!((list.len(), list.is_empty()), (expected.len(), expected.is_empty()));
    }
}

#[test]
fn schema_and_reference_follow_from_the_definitions() {
    let schema = group_schema(Sample::definitions());
    let schema = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    expect_file!["../test_data/schema.json"].assert_eq(&schema);
    let page = reference_markdown("email.", Sample::definitions());
    expect_file!["../test_data/reference.md"].assert_eq(&page);
}

prop_compose! {
    /// A layer that sets some settings that belong to no unit.
    fn any_layer()(
        subject in prop::option::of("[a-z]{0,5}"),
        lifetime_s in prop::option::of(any::<u64>()),
        waits_s in prop::option::of(prop::collection::vec(1_u32..3_600, 0..4)),
    ) -> SampleLayer {
        SampleLayer { subject, lifetime_s, waits_s, ..SampleLayer::default() }
    }
}

proptest! {
    #[test]
    fn the_nearest_layer_that_sets_a_value_wins(layers in prop::collection::vec(any_layer(), 0..5)) {
        let named: Vec<_> = layers
            .iter()
            .enumerate()
            .map(|(at, layer)| (Origin::Policy(at.to_string().into()), layer))
            .collect();
        let resolved = Sample::resolve(&named);
        let default = Sample::default();
        let nearest = layers.iter().find_map(|layer| layer.subject.clone());
        prop_assert_eq!(&resolved.values.subject, &nearest.unwrap_or(default.subject));
        let nearest = layers.iter().find_map(|layer| layer.lifetime_s);
        prop_assert_eq!(resolved.values.lifetime_s, nearest.unwrap_or(default.lifetime_s));
        let origin = layers.iter().position(|layer| layer.waits_s.is_some());
        let expected = origin.map_or(Origin::CompiledDefault, |at| named[at].0.clone());
        prop_assert_eq!(resolved.origin_of("waits_s"), Some(&expected));
    }

    #[test]
    fn a_layer_reads_back_what_it_wrote(layer in any_layer()) {
        prop_assert_eq!(SampleLayer::from_json(&layer.to_json()).unwrap(), layer);
    }
}
