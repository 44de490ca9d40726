//! Who is told of an incident, as tables.

use annunciator_core::{Device, Event, ParameterValue, Severity, Timestamp};
use annunciator_settings::{Origin, SettingsGroup as _, SettingsLayer as _, find_faults};
use annunciator_template::{Language, TimeZone};
use serde_json::{Value, json};

use super::*;

fn settings(document: &Value) -> IncidentSettings {
    let layer = IncidentLayer::from_json(document).expect("valid");
    IncidentSettings::resolve(&[(Origin::Server, &layer)]).values
}

/// Rules with these subscriptions.
pub(crate) fn rules(subscriptions: &Value) -> IncidentRules {
    IncidentRules::new(&settings(&json!({ "subscriptions": subscriptions })))
}

/// An incident of a forecaster, severity failure, with more parameters.
pub(crate) fn incident_event(more: &[(&str, &str)]) -> Event {
    let text = |text: &str| ParameterValue::Text(text.to_owned());
    let mut event = crate::tests::event(Severity::Failure);
    event.event_type = "incident.forecaster".into();
    event.device =
        Device { name: "Boiler-3".into(), group: "Plant A/Line 2".into(), ..event.device };
    for (name, value) in [
        ("incident_id", "i-1"),
        ("detector_kind", "forecaster"),
        ("model", "Boiler model 3"),
        ("status", "under_review"),
    ]
    .iter()
    .chain(more)
    {
        event.parameters.insert((*name).to_owned(), text(value));
    }
    event
}

fn user(name: &str, address: &str, language: Option<Language>, is_blocked: bool) -> DirectoryUser {
    let (name, address) = (name.to_owned(), address.to_owned());
    DirectoryUser { name, address, language, time_zone: None, is_blocked }
}

fn directory() -> Directory {
    let users = [
        user("anna", "anna@x.example", Some(Language::Russian), false),
        user("boris", "boris@x.example", None, false),
        user("carl", "carl@x.example", None, true),
        user("dora", "", None, false),
    ];
    Directory::new(users, [("P".to_owned(), "Boris".to_owned())])
}

#[test]
fn the_definitions_have_no_faults_and_the_standard_statuses_fit_together() {
    assert_eq!(find_faults(IncidentSettings::definitions()), Vec::<String>::new());
    let standard = IncidentSettings::default();
    assert_eq!(standard.find_problems(), []);
    let silent = standard.statuses.iter().filter(|one| !one.notify).map(|one| one.code.as_str());
    assert_eq!(silent.collect::<Vec<_>>(), ["problem_closed", "ignore"]);
}

#[test]
fn what_does_not_fit_together_is_told_with_its_place() {
    let check = |document: Value, expected: &[(&str, &str)]| {
        let found = settings(&document).find_problems();
        let found: Vec<_> = found.iter().map(|one| (one.pointer.as_str(), one.code)).collect();
        assert_eq!(found, expected, "{document}");
    };
    let status = |code: &str| json!({"code": code, "name": code});
    let named = |name: &str| json!({ "name": name });
    check(json!({}), &[]);
    check(
        json!({"statuses": [status("a"), status("a")], "initial_status": "a"}),
        &[("/statuses/1/code", "conflict")],
    );
    check(json!({"statuses": [status("a")]}), &[("/initial_status", "one_of")]);
    let also = |code: &str, name: &str, name_ru: &str| {
        let other = json!({"code": code, "name": name, "name_ru": name_ru});
        json!({"statuses": [{"code": "a", "name": "First"}, other], "initial_status": "a"})
    };
    check(also("b", "Second", "Второй"), &[]);
    check(also("b", "FIRST", ""), &[("/statuses/1/name", "conflict")]);
    check(also("b", "Second", "A"), &[("/statuses/1/name_ru", "conflict")]);
    check(also("first", "Second", ""), &[("/statuses/1/code", "conflict")]);
    check(
        json!({"statuses": [{"code": "a", "name": " "}], "initial_status": "a"}),
        &[("/statuses/0/name", "required")],
    );
    check(
        json!({"subscriptions": [named("A"), named("a"), named("")]}),
        &[("/subscriptions/1/name", "conflict"), ("/subscriptions/2/name", "required")],
    );
    let quiet = |from: &str, until: &str| {
        json!({"subscriptions": [
        {"name": "A", "quiet_from": from, "quiet_until": until}]})
    };
    check(quiet("22:00", "06:00"), &[]);
    check(quiet("22:00", ""), &[("/subscriptions/0/quiet_until", "required")]);
    check(quiet("", "06:00"), &[("/subscriptions/0/quiet_from", "required")]);
    check(quiet("06:00", "06:00"), &[("/subscriptions/0/quiet_until", "conflict")]);
    check(
        json!({"mapping": [{"name": "m", "id": "", "detector_kind": "rule"}]}),
        &[("/mapping/0/id", "required")],
    );
    for bad in ["24:00", "8:00", "08:60", "0800", "-1:00"] {
        let document = json!({"subscriptions": [{"name": "A", "quiet_from": bad}]});
        assert!(IncidentLayer::from_json(&document).is_err(), "{bad}");
    }
}

#[test]
fn a_subscription_is_met_by_what_it_names() {
    let check = |subscription: Value, more: &[(&str, &str)], expected: bool| {
        let mut subscription = subscription;
        subscription["name"] = "S".into();
        let event = incident_event(more);
        let incident = Incident::of(&event).expect("an incident");
        let found = rules(&json!([subscription])).find_subscribers(&incident);
        assert_eq!(!found.is_empty(), expected, "{subscription}");
    };
    check(json!({}), &[], true);
    check(json!({"enabled": false}), &[], false);
    check(json!({"detectors": "limit; Forecaster"}), &[], true);
    check(json!({"detectors": ["limit"]}), &[], false);
    check(json!({"models": ["boiler MODEL 3"]}), &[], true);
    check(json!({"models": ["boiler*3", "x"]}), &[], true);
    check(json!({"models": ["boiler ?"]}), &[], false);
    check(json!({"assets": ["boiler-?"]}), &[], true);
    check(json!({"assets": ["boiler"]}), &[], false);
    check(json!({"groups": ["Plant B", "Plant A"]}), &[], true);
    check(json!({"groups": ["Plant"]}), &[], false);
    check(json!({"severity": "failure"}), &[], true);
    check(json!({"severity": "critical"}), &[], false);
    check(json!({"severity": "critical"}), &[("incident_severity", "critical")], true);
    check(json!({"detectors": ["forecaster"], "models": ["x"]}), &[], false);
}

#[test]
fn a_follow_up_is_for_those_who_want_it() {
    let check = |told: &str, expected: &[usize]| {
        let mut event = incident_event(&[("told", told)]);
        event.event_type = "incident_status.forecaster".into();
        let rules = rules(&json!([{"name": "A"}, {"name": "B", "follow_ups": true}]));
        let found = Incident::of(&event).map(|incident| rules.find_subscribers(&incident));
        assert_eq!(found.as_deref().unwrap_or_default(), expected, "{told}");
    };
    check("late", &[0, 1]);
    check("follow_up", &[1]);
    check("nonsense", &[]);
}

#[test]
fn each_address_is_told_once_and_in_its_own_language() {
    let rules = rules(&json!([
        {"name": "A", "users": ["Anna", "carl", "dora", "eve"], "language": "en"},
        {"name": "B", "addresses": "shared@x.example; ANNA@x.example; carl@x.example",
         "language": "ru"},
        {"name": "C", "addresses": ["shared@X.example", "other@x.example"], "language": "en",
         "time_zone": "Europe/Moscow"},
        {"name": "P", "users": ["boris"]},
    ]));
    let event = incident_event(&[]);
    let incident = Incident::of(&event).unwrap();
    let audience = find_audience(&rules, &directory(), &incident, Timestamp(0));
    assert_eq!(audience.matched, [0, 1, 2, 3]);
    let told = audience.addressees.iter();
    let told = told.map(|one| (one.address.as_str(), one.language, one.time_zone.name()));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            ("anna@x.example", Language::Russian, "UTC"),
            ("shared@x.example", Language::Russian, "UTC"),
            ("other@x.example", Language::English, "Europe/Moscow"),
        ]
    );
    let left =
        audience.left_out.iter().map(|one| (one.subscription.as_str(), &*one.who, one.reason));
    assert_eq!(
        left.collect::<Vec<_>>(),
        [
            ("A", "carl", "is blocked"),
            ("A", "dora", "has no address"),
            ("A", "eve", "is no user"),
            ("B", "carl@x.example", "is the address of a blocked user"),
            ("P", "boris", "has paused it"),
        ]
    );
}

/// Who is told by one subscription, with the language, and who is left out with the reason.
fn told_of(subscription: &Value, directory: &Directory) -> (Vec<String>, Vec<String>) {
    let event = incident_event(&[]);
    let incident = Incident::of(&event).unwrap();
    let audience =
        find_audience(&rules(&json!([subscription])), directory, &incident, Timestamp(0));
    let told = audience.addressees.iter();
    let told = told.map(|one| format!("{} {}", one.address, one.language.code())).collect();
    let left_out = audience.left_out.iter().map(|one| format!("{} {}", one.who, one.reason));
    (told, left_out.collect())
}

#[test]
fn an_address_is_the_same_in_any_case_and_in_any_form_of_its_domain() {
    let users = [user("d", "D@пример.рф", None, true)];
    let directory = Directory::new(users, []);
    let spellings = json!({"name": "S", "addresses": "d@xn--e1afmkfd.xn--p1ai; d@ПРИМЕР.рф"});
    let left = "is the address of a blocked user";
    let both = [format!("d@xn--e1afmkfd.xn--p1ai {left}"), format!("d@ПРИМЕР.рф {left}")];
    assert_eq!(told_of(&spellings, &directory), (vec![], both.to_vec()));
    let (told, _) = told_of(&spellings, &Directory::default());
    assert_eq!(told, ["d@xn--e1afmkfd.xn--p1ai en"]);
}

#[test]
fn an_address_of_several_users_is_told_by_the_first_who_is_not_blocked() {
    let shared = json!({"name": "S", "addresses": "x@x.example"});
    let language = Some(Language::Russian);
    // Maps have another order each time they are made.
    for _ in 0..20 {
        let is_blocked = [("anna", None, true), ("boris", language, false), ("carl", None, false)];
        let user = |(name, language, is_blocked)| user(name, "x@x.example", language, is_blocked);
        let directory = Directory::new(is_blocked.map(user), []);
        assert_eq!(told_of(&shared, &directory), (vec!["x@x.example ru".into()], vec![]));
    }
}

#[test]
fn who_has_paused_a_subscription_is_not_told_at_its_additional_address_either() {
    let boris = user("boris", "boris@x.example", None, false);
    let both = |user: &str| json!({"name": "P", "users": [user], "addresses": "Boris@x.example"});
    let directory = Directory::new([boris], [("P".to_owned(), "boris".to_owned())]);
    let left =
        ["boris has paused it", "Boris@x.example is the address of a user who has paused it"];
    assert_eq!(told_of(&both("boris"), &directory), (vec![], left.map(str::to_owned).to_vec()));
}

#[test]
fn while_the_channel_cannot_send_all_wait() {
    let rules = rules(&json!([{"name": "A", "addresses": "a@x.example; b@x.example",
        "users": ["eve"]}]));
    let event = incident_event(&[]);
    let incident = Incident::of(&event).unwrap();
    let switch = crate::Switch::About(annunciator_settings::NotifyAbout::All);
    let profile = crate::tests::profile(switch, "no SMTP servers are set");
    let directory = Directory::default();
    let frame =
        crate::IncidentFrame { rules: Some(&rules), directory: Some(&directory), samples: &[] };
    let told = tell(&profile, frame, incident, None, ("", Timestamp(7)));
    assert_eq!(told.decision.kind, annunciator_core::DecisionKind::Incomplete);
    assert_eq!(told.decision.reason, "no SMTP servers are set; 2 wait until it can send");
    assert!(told.composed.is_empty());
    let waiting: Vec<_> =
        told.postponed.iter().map(|one| (one.addressee.address.as_str(), one.due_at)).collect();
    assert_eq!(waiting, [("a@x.example", Timestamp(7)), ("b@x.example", Timestamp(7))]);
}

#[test]
fn the_subscription_that_tells_first_decides_when() {
    let rules = rules(&json!([
        {"name": "A", "addresses": "a@x.example", "delivery": "daily"},
        {"name": "B", "addresses": "a@x.example", "delivery": "bundled", "bundle_minutes": 30},
    ]));
    let event = incident_event(&[]);
    let incident = Incident::of(&event).unwrap();
    let now: Timestamp = "2026-11-22T05:31:00Z".parse().unwrap();
    let audience = find_audience(&rules, &Directory::default(), &incident, now);
    let told: Vec<_> = audience.addressees.iter().map(|a| (a.subscriber, a.due_at)).collect();
    assert_eq!(told, [(1, Some("2026-11-22T06:00:00Z".parse().unwrap()))]);
}

#[test]
fn incidents_wait_for_their_mail_and_for_the_end_of_quiet_hours() {
    let check = |subscription: Value, severity: Severity, now: &str, expected: Option<&str>| {
        let mut document = subscription.clone();
        document["name"] = "S".into();
        let rules = rules(&json!([document]));
        let subscriber = &rules.subscribers()[0];
        let due = subscriber.timing.due_at(severity, &subscriber.time_zone, now.parse().unwrap());
        let expected = expected.map(|at| at.parse().unwrap());
        assert_eq!(due, expected, "{subscription} {now}");
    };
    let (failure, critical) = (Severity::Failure, Severity::Critical);
    let noon = "2026-11-22T12:00:00Z";
    check(json!({}), failure, noon, None);
    let bundled = json!({"delivery": "bundled", "bundle_minutes": 45});
    check(bundled.clone(), failure, noon, Some("2026-11-22T12:45:00Z"));
    check(bundled, critical, noon, None);
    let odd = json!({"delivery": "bundled", "bundle_minutes": 7});
    check(odd.clone(), failure, "2026-11-22T00:06:59Z", Some("2026-11-22T00:07:00Z"));
    check(odd, failure, "2026-11-22T23:58:00Z", Some("2026-11-23T00:00:00Z"));
    let daily = json!({"delivery": "daily", "daily_at": "08:00", "time_zone": "Europe/Moscow"});
    check(daily, failure, noon, Some("2026-11-23T05:00:00Z"));
    let quiet =
        json!({"quiet_from": "22:00", "quiet_until": "06:00", "time_zone": "Europe/Moscow"});
    check(quiet.clone(), failure, noon, None);
    check(quiet.clone(), failure, "2026-11-22T19:00:00Z", Some("2026-11-23T03:00:00Z"));
    check(quiet.clone(), failure, "2026-11-23T02:59:59Z", Some("2026-11-23T03:00:00Z"));
    check(quiet.clone(), failure, "2026-11-23T03:00:00Z", None);
    check(quiet, critical, "2026-11-22T19:00:00Z", None);
    // Clocks go back from 3:00 to 2:00 at 1:00 UTC: the quiet hours end when 2:30 is shown again.
    let back = json!({"quiet_from": "22:30", "quiet_until": "02:30", "time_zone": "Europe/Berlin"});
    check(back.clone(), failure, "2027-10-31T00:00:00Z", Some("2027-10-31T00:30:00Z"));
    check(back, failure, "2027-10-31T01:00:00Z", Some("2027-10-31T01:30:00Z"));
    let both = json!({"delivery": "daily", "daily_at": "05:00", "quiet_from": "04:00",
        "quiet_until": "07:00"});
    check(both, failure, noon, Some("2026-11-23T07:00:00Z"));
}

#[test]
fn a_status_is_meant_by_its_code_or_its_name() {
    let rules = rules(&json!([]));
    for (text, expected) in [
        ("ignore", Some("ignore")),
        ("Under Review", Some("under_review")),
        ("проблема закрыта", Some("problem_closed")),
        ("", None),
        ("closed", None),
    ] {
        let found = rules.meant_status(text).map(|status| status.code.as_str());
        assert_eq!(found, expected, "{text}");
    }
    assert!(rules.is_told("under_review") && !rules.is_told("ignore"));
    assert!(rules.is_told("gone"), "a status that is gone hides nothing");
    assert_eq!(rules.status_name("ignore", Language::Russian), "Игнорировать");
    assert_eq!(rules.status_name("gone", Language::Russian), "gone");
}

#[test]
fn a_zone_of_the_user_goes_before_that_of_the_subscription() {
    let zone = TimeZone::named("Asia/Vladivostok").unwrap();
    let anna = DirectoryUser { time_zone: Some(zone), ..user("anna", "a@x.example", None, false) };
    let rules = rules(&json!([{"name": "A", "users": "anna", "time_zone": "Europe/Moscow"}]));
    let event = incident_event(&[]);
    let incident = Incident::of(&event).unwrap();
    let audience = find_audience(&rules, &Directory::new([anna], []), &incident, Timestamp(0));
    assert_eq!(audience.addressees[0].time_zone.name(), "Asia/Vladivostok");
}

#[test]
fn what_waited_is_looked_at_once_more_when_its_time_has_come() {
    let rules = rules(&json!([
        {"name": "P", "users": ["anna", "boris", "dora"], "addresses": "old@x.example"},
        {"name": "Off", "enabled": false, "users": ["anna"]},
        {"name": "Daily", "addresses": "boris@x.example; carl@x.example", "delivery": "daily",
            "models": ["Boiler*"]},
    ]));
    let directory = directory();
    let why = |subscription: &str, address: &str| {
        let why = why_untold(&rules, &directory, Waiting { subscription, address });
        why.unwrap_or_default()
    };
    assert_eq!(why("p", "ANNA@x.example"), "");
    assert_eq!(why("P", "old@x.example"), "");
    assert_eq!(why("P", "carl@x.example"), "it is the address of a blocked user");
    assert_eq!(why("P", "boris@x.example"), "user `boris` has paused it");
    assert_eq!(why("Gone", "anna@x.example"), "there is no subscription `Gone` any more");
    assert_eq!(why("Off", "anna@x.example"), "the subscription `Off` is turned off");
    let elsewhere = "the subscription `P` does not lead to this address any more";
    assert_eq!(why("P", "anna@old.example"), elsewhere);

    let now: Timestamp = "2026-11-30T09:00:00Z".parse().unwrap();
    let (boiler, pump) = (incident_event(&[]), incident_event(&[("model", "Pump")]));
    let found = |event: &Event, address: &str| {
        let waiting = Waiting { subscription: "P", address };
        recheck(&rules, &directory, &Incident::of(event).unwrap(), waiting, now)
    };
    let Recheck::Later(later) = found(&boiler, "Boris@x.example") else { panic!("told later") };
    assert_eq!(later.subscription, "Daily");
    assert_eq!(later.due_at, "2026-12-01T08:00:00Z".parse().unwrap());
    assert_eq!(found(&pump, "boris@x.example"), Recheck::Untold);
    assert_eq!(found(&boiler, "carl@x.example"), Recheck::Untold);
    assert_eq!(found(&boiler, "anna@x.example"), Recheck::Told);
}
