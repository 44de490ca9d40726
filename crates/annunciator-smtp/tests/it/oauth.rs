//! Access tokens: from a real dialogue with an authorization server to Dovecot, which looks into
//! each token, behind Postfix.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annunciator_core::Stage;
use annunciator_smtp::{
    Auth, AuthGuard, Client, Grant, Keeper, Notice, OAuth2, Relay, Report, SecretText, Submission,
    TlsPolicy,
};
use annunciator_testkit::certificates::Authority;
use annunciator_testkit::dovecot::Dovecot;
use annunciator_testkit::oauth::OAuthServer;

use crate::mechanisms::{postfix_with, required};
use crate::stage::{Basket, Server, deliver, diagnostic, relay_at, relay_to, submission, words};

const MAILBOX: &str = "alerts@plant.test";

/// Keeps texts as the server does, and remembers what it was told.
#[derive(Default)]
struct Memory {
    texts: Mutex<HashMap<String, String>>,
    notices: Mutex<Vec<Notice>>,
}

#[async_trait::async_trait]
impl Keeper for Memory {
    async fn load(&self, place: &str) -> Option<String> {
        self.texts.lock().unwrap().get(place).cloned()
    }
    async fn save(&self, place: &str, text: &str) {
        self.texts.lock().unwrap().insert(place.to_owned(), text.to_owned());
    }
    async fn tell(&self, notice: Notice) {
        self.notices.lock().unwrap().push(notice);
    }
}

/// An authorization server, and who trusts it.
struct House {
    ca: Authority,
    oauth: OAuthServer,
    keeper: Arc<Memory>,
}

impl House {
    fn new() -> Self {
        let ca = Authority::new("ca");
        let oauth = OAuthServer::start(&ca.server(&["127.0.0.1"]), MAILBOX);
        Self { ca, oauth, keeper: Arc::default() }
    }

    fn auth(&self, grant: Grant) -> Auth {
        let source = OAuth2 {
            token_url: self.oauth.token_url(),
            client_id: "client".into(),
            client_secret: SecretText::new("client secret".into()),
            scope: "smtp.send".into(),
            grant,
            ca: Some(vec![self.ca.certificate().to_der().unwrap()]),
        };
        let guard = AuthGuard { allow_without_tls: true, allow_unverified: false };
        Auth::OAuth2 { username: MAILBOX.into(), source, guard }
    }

    /// A client as after a restart: it has what the keeper has.
    fn client(&self) -> Client {
        Client::new(Arc::clone(&self.keeper) as Arc<dyn Keeper>)
    }

    async fn deliver(&self, relay: &Relay) -> Report {
        deliver(&self.client(), relay, vec![submission(1, &["a@x.test"])]).await.remove(0)
    }

    fn requests(&self) -> usize {
        self.oauth.behaviour().requests.len()
    }

    /// Every good access token that was given out, accepted by a scripted relay.
    fn relay(&self, tokens: &[&str]) -> Server {
        let builder = Server::builder().auth(&["OAUTHBEARER", "XOAUTH2"]).require_auth();
        tokens.iter().fold(builder, |builder, token| builder.user(MAILBOX, token)).start()
    }
}

fn refresh(token: &str) -> Grant {
    Grant::RefreshToken(SecretText::new(token.into()))
}

#[tokio::test]
async fn dovecot_takes_the_token_and_a_withdrawn_one_is_renewed_once() {
    for mechanism in ["oauthbearer", "xoauth2"] {
        let house = House::new();
        let dovecot = Dovecot::start(&[mechanism], &[], Some(house.oauth.introspection())).unwrap();
        let Some(postfix) = postfix_with(&dovecot, &house.ca) else { return };
        let at = relay_at(&["127.0.0.1"], postfix.address().port());
        let auth = house.auth(refresh("refresh-0"));
        let relay = Relay { tls: required(&house.ca), auth, ..at };

        let report = house.deliver(&relay).await;
        assert_eq!(words(&report), ["delivered"], "{report:?} {}", dovecot.log());
        let method = format!("sasl_method={}", mechanism.to_uppercase());
        assert!(postfix.logs(&method), "{}", postfix.log());
        assert_eq!(house.requests(), 1);

        // After a restart the token that was kept serves.
        assert_eq!(words(&house.deliver(&relay).await), ["delivered"]);
        assert_eq!(house.requests(), 1);

        house.oauth.behaviour().active.clear();
        let report = house.deliver(&relay).await;
        assert_eq!(words(&report), ["delivered"], "{report:?} {}", dovecot.log());
        assert_eq!(house.requests(), 2, "it was renewed");

        // A mailbox that no token opens: renewed once more, then given up.
        house.oauth.behaviour().username = "other@plant.test".into();
        let report = house.deliver(&relay).await;
        assert!(words(&report)[0].starts_with("transient auth Relay 535"), "{report:?}");
        assert_eq!(house.requests(), 3);
    }
}

#[tokio::test]
async fn client_credentials_give_a_token_and_the_report_tells_of_it() {
    let house = House::new();
    let server = house.relay(&["access-1"]);
    let relay = Relay { auth: house.auth(Grant::ClientCredentials), ..relay_to(&server) };
    let mut traced = submission(1, &["a@x.test"]);
    traced.trace = true;
    let basket = Basket::default();
    house.client().deliver(&relay, traced, &basket).await;
    let reports = basket.by_tag();
    assert_eq!(words(&reports[&1]), ["delivered"], "{}", server.transcript());
    let stages = basket.stages.lock().unwrap().clone();
    let auth = stages.iter().find(|report| report.stage == Stage::Auth).unwrap();
    assert_eq!(auth.detail[0], "OAUTHBEARER");
    assert!(auth.detail[1].starts_with("access token just obtained, expires 20"), "{auth:?}");
    let shown = format!("{reports:?} {stages:?}");
    let message = openssl::base64::encode_block(b"auth=Bearer access-1");
    assert!(!shown.contains("access-1") && !shown.contains(&message[..20]), "{shown}");
    let request = house.oauth.behaviour().requests[0].clone();
    assert_eq!(request["grant_type"], "client_credentials");
    assert_eq!(request["client_secret"], "client secret");
    assert_eq!(request["scope"], "smtp.send");
}

#[tokio::test]
async fn a_replaced_refresh_token_is_used_until_another_one_is_typed() {
    let house = House::new();
    {
        let mut behaviour = house.oauth.behaviour();
        (behaviour.rotates, behaviour.expires_in_s) = (true, 0);
    }
    let server = house.relay(&["access-1", "access-2", "access-3", "access-4"]);
    let relay = Relay { auth: house.auth(refresh("refresh-0")), ..relay_to(&server) };
    for _ in 0..3 {
        // Each token ends at once, so that each client asks.
        assert_eq!(words(&house.deliver(&relay).await), ["delivered"], "{}", server.transcript());
    }
    let asked = |house: &House| -> Vec<String> {
        let behaviour = house.oauth.behaviour();
        behaviour.requests.iter().map(|form| form["refresh_token"].clone()).collect()
    };
    assert_eq!(asked(&house), ["refresh-0", "refresh-1", "refresh-2"]);
    // A store from a backup holds an old one: the typed one is tried too.
    house.oauth.behaviour().refresh_token = "refresh-0".into();
    assert_eq!(words(&house.deliver(&relay).await), ["delivered"]);
    assert_eq!(asked(&house)[3..], ["refresh-3", "refresh-0"]);
    // Whatever else is refused has nothing to do with it.
    for (status, error) in [(401, "invalid_client"), (400, "invalid_scope")] {
        let body = format!(r#"{{"error":"{error}"}}"#);
        house.oauth.behaviour().scripted.push_back((status, body));
        let before = house.requests();
        assert!(diagnostic(&house.deliver(&relay).await).contains(error));
        assert_eq!(house.requests(), before + 1, "{error}");
    }
    house.oauth.behaviour().refresh_token = "typed".into();
    let typed = Relay { auth: house.auth(refresh("typed")), ..relay_to(&server) };
    drop(house.deliver(&typed).await);
    assert_eq!(asked(&house)[7..], ["typed"]);
    let texts = house.keeper.texts.lock().unwrap();
    assert!(texts.keys().all(|place| place.len() == 70 && place.starts_with("oauth/")));
}

#[tokio::test]
async fn clients_with_one_account_share_what_was_replaced() {
    let house = House::new();
    {
        let mut behaviour = house.oauth.behaviour();
        (behaviour.rotates, behaviour.expires_in_s) = (true, 0);
    }
    let server = house.relay(&["access-1", "access-2", "access-3"]);
    let relay = Relay { auth: house.auth(refresh("refresh-0")), ..relay_to(&server) };
    let (email, sms) = (house.client(), house.client());
    for client in [&email, &sms, &email] {
        let report = deliver(client, &relay, vec![fresh(1)]).await.remove(0);
        assert_eq!(words(&report), ["delivered"], "{report:?}");
    }
    assert_eq!(house.requests(), 3, "none was asked in vain");
    assert!(house.keeper.notices.lock().unwrap().is_empty());
}

/// By a connection of its own.
fn fresh(tag: u64) -> Submission {
    Submission { fresh_connection: true, ..submission(tag, &["a@x.test"]) }
}

#[tokio::test]
async fn while_a_token_lives_trouble_with_the_next_one_stops_nothing() {
    for (status, body, told) in
        [(503, "", 0), (400, r#"{"error":"invalid_grant"}"#, 1), (200, "", 0)]
    {
        let house = House::new();
        let server = house.relay(&["access-1"]);
        let relay = Relay { auth: house.auth(refresh("refresh-0")), ..relay_to(&server) };
        assert_eq!(words(&house.deliver(&relay).await), ["delivered"]);
        // 100 s before its end: due, and alive.
        for text in house.keeper.texts.lock().unwrap().values_mut() {
            let mut kept: serde_json::Value = serde_json::from_str(text).unwrap();
            kept["obtained_s"] = (kept["obtained_s"].as_u64().unwrap() - 3_500).into();
            *text = kept.to_string();
        }
        house.oauth.behaviour().scripted.push_back((status, body.into()));
        assert_eq!(words(&house.deliver(&relay).await), ["delivered"], "{status}");
        assert_eq!(house.requests(), 2);
        assert_eq!(house.keeper.notices.lock().unwrap().len(), told);
    }
}

#[tokio::test]
async fn many_who_need_a_token_ask_for_it_once() {
    let house = House::new();
    house.oauth.behaviour().delay = Duration::from_millis(300);
    let server = house.relay(&["access-1"]);
    let relay = Relay { auth: house.auth(refresh("refresh-0")), ..relay_to(&server) };
    let client = house.client();
    let one = |tag| deliver(&client, &relay, vec![submission(tag, &["a@x.test"])]);
    let (a, b, c, d) = tokio::join!(one(1), one(2), one(3), one(4));
    for report in [a, b, c, d] {
        assert_eq!(words(&report[0]), ["delivered"]);
    }
    assert_eq!(house.requests(), 1);
    assert!(server.connection_count() > 1, "they came by different connections");
}

#[tokio::test]
async fn an_attempt_that_is_dropped_loses_no_refresh_token() {
    let house = House::new();
    {
        let mut behaviour = house.oauth.behaviour();
        (behaviour.rotates, behaviour.delay) = (true, Duration::from_millis(300));
    }
    let server = house.relay(&["access-1"]);
    let relay = Relay { auth: house.auth(refresh("refresh-0")), ..relay_to(&server) };
    let client = house.client();
    let first = deliver(&client, &relay, vec![submission(1, &["a@x.test"])]);
    assert!(tokio::time::timeout(Duration::from_millis(200), first).await.is_err());
    let report = deliver(&client, &relay, vec![submission(2, &["a@x.test"])]).await.remove(0);
    assert_eq!(words(&report), ["delivered"], "{report:?}");
    assert_eq!(house.requests(), 1, "the answer to the first one served");
}

#[tokio::test]
async fn a_refusal_for_good_is_told_and_trouble_is_not() {
    for (status, body, words_expected, told) in [
        (400, r#"{"error":"invalid_grant"}"#, "refuses: invalid_grant", true),
        (401, r#"{"error":"invalid_client"}"#, "refuses: invalid_client", true),
        (400, r#"{"error":"unauthorized_client"}"#, "unauthorized_client", true),
        (503, r#"{"error":"temporarily_unavailable"}"#, "temporarily_unavailable", false),
        (502, "<html>", "HTTP status 502", false),
        (200, "{}", "holds no access token", false),
    ] {
        let house = House::new();
        house.oauth.behaviour().scripted.push_back((status, body.into()));
        let server = house.relay(&["access-1"]);
        let relay = Relay { auth: house.auth(refresh("refresh-0")), ..relay_to(&server) };
        let (client, basket) = (house.client(), Basket::default());
        let mut traced = submission(1, &["a@x.test"]);
        traced.trace = true;
        client.deliver(&relay, traced, &basket).await;
        let report = basket.by_tag().remove(&1).unwrap();
        assert_eq!(words(&report), ["transient auth Relay - 4.7.0"]);
        assert!(diagnostic(&report).contains(words_expected), "{}", diagnostic(&report));
        let advice = basket.stages.lock().unwrap().last().unwrap().advice.clone();
        assert!(advice.contains(if told { "consent" } else { "without a proxy" }), "{advice}");
        assert_eq!(house.keeper.notices.lock().unwrap().len(), usize::from(told), "{body}");
        // Asked again at once, it is not: the endpoint is not run down.
        drop(deliver(&client, &relay, vec![submission(2, &["a@x.test"])]).await);
        assert_eq!(house.requests(), 1);
        // A new client asks again, and it goes.
        assert_eq!(words(&house.deliver(&relay).await), ["delivered"]);
    }
}

#[tokio::test]
async fn a_token_service_that_is_not_trusted_gets_no_secret() {
    let house = House::new();
    let stranger = Authority::new("stranger");
    let Auth::OAuth2 { username, mut source, guard } = house.auth(Grant::ClientCredentials) else {
        unreachable!()
    };
    source.ca = Some(vec![stranger.certificate().to_der().unwrap()]);
    let server = house.relay(&["access-1"]);
    let auth = Auth::OAuth2 { username, source, guard };
    let report = house.deliver(&Relay { auth, ..relay_to(&server) }).await;
    assert!(diagnostic(&report).contains("its certificate does not verify"), "{report:?}");
    assert_eq!(house.requests(), 0);
}

#[tokio::test]
async fn a_token_is_asked_for_only_when_it_may_be_shown() {
    let house = House::new();
    let server = house.relay(&["access-1"]);
    let Auth::OAuth2 { username, source, .. } = house.auth(Grant::ClientCredentials) else {
        unreachable!()
    };
    let auth = Auth::OAuth2 { username, source, guard: AuthGuard::default() };
    let report = house.deliver(&Relay { tls: TlsPolicy::Off, auth, ..relay_to(&server) }).await;
    assert!(diagnostic(&report).contains("not sent without TLS"), "{report:?}");
    let passwords = Server::builder().auth(&["PLAIN", "LOGIN"]).start();
    let relay = Relay { auth: house.auth(Grant::ClientCredentials), ..relay_to(&passwords) };
    let report = house.deliver(&relay).await;
    assert!(diagnostic(&report).contains("it offers PLAIN, LOGIN"), "{report:?}");
    assert_eq!(house.requests(), 0);
}
