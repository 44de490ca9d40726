//! Which rows of a file become rows of which table of a database.

use super::copy::{Octets, Table};

const fn table(
    name: &'static str,
    select: &'static str,
    octets: &'static [(&'static str, Octets)],
) -> Table {
    Table { name, select, octets }
}

/// Tables whose numbers go on after the copied ones.
pub(super) const NUMBERED: [(&str, &str); 5] = [
    ("audit", "number"),
    ("silences", "number"),
    ("incident_postponed", "number"),
    ("limit_keys", "number"),
    ("limit_slots", "number"),
];

/// All tables; where held time stands is a node's own, and each begins anew.
pub(super) const TABLES: &[Table] = &[
    table(
        "events",
        "SELECT uid, id, application, version, event_type, type_name, severity, device, ip,
           connection_ip, domain, device_group, task, description, occurred_at, registered_at,
           parameters FROM events ORDER BY key",
        &[("uid", Octets::Id)],
    ),
    table(
        "event_ids",
        "SELECT id, application, uid FROM events WHERE id IS NOT NULL ORDER BY key",
        &[("uid", Octets::Id)],
    ),
    table(
        "inbox",
        "SELECT e.uid AS event, e.registered_at, i.tries FROM inbox i
         JOIN events e ON e.key = i.event ORDER BY i.event",
        &[("event", Octets::Id)],
    ),
    table(
        "parked",
        "SELECT e.uid AS event, p.tries, p.reason FROM parked p
         JOIN events e ON e.key = p.event ORDER BY p.event",
        &[("event", Octets::Id)],
    ),
    table(
        "plans",
        "SELECT e.uid AS event, coalesce(s.body, p.decisions) AS decisions, p.notifications,
           p.term_days FROM plans p JOIN events e ON e.key = p.event
         LEFT JOIN decision_sets s ON s.number = p.decisions ORDER BY p.event",
        &[("event", Octets::Id), ("notifications", Octets::Notifications)],
    ),
    table(
        "notifications",
        "SELECT id, event_uid AS event, channel, created_at, application, event_type, severity,
           device, device_group, conditions, subject, body, html, sender, recipients, message_id,
           thread_id, event_id, command, picture_id, picture, deliveries
         FROM notifications ORDER BY key",
        &[("id", Octets::Id), ("event", Octets::Id), ("deliveries", Octets::Deliveries)],
    ),
    table(
        "queue",
        "SELECT d.id, n.event_uid AS event, n.id AS notification, n.channel, l.name AS lane,
           d.due_at, d.claims, d.created_at, d.expires_at, d.attempts, d.retries,
           d.possibly_duplicated, d.put_off, d.role, d.address, d.failure
         FROM deliveries d JOIN notifications n ON n.key = d.notification
         JOIN lanes l ON l.number = d.lane WHERE d.state IN (0, 1, 5) ORDER BY d.key",
        &[("id", Octets::Id), ("event", Octets::Id), ("notification", Octets::Id)],
    ),
    table(
        "deliveries",
        "SELECT d.id, n.event_uid AS event, n.id AS notification, n.channel, l.name AS lane,
           d.state, d.claims, d.due_at, d.at, d.created_at, d.expires_at, d.attempts, d.retries,
           d.possibly_duplicated, d.role, d.address, d.failure
         FROM deliveries d JOIN notifications n ON n.key = d.notification
         JOIN lanes l ON l.number = d.lane WHERE d.state IN (2, 3, 4) ORDER BY d.key",
        &[("id", Octets::Id), ("event", Octets::Id), ("notification", Octets::Id)],
    ),
    table(
        "attempts",
        "SELECT d.id AS delivery, a.number, a.started_at, a.ended_at, a.outcome, a.failure,
           json_extract(a.facts, '$.server') AS server, a.facts
         FROM attempts a JOIN deliveries d ON d.key = a.delivery ORDER BY a.delivery, a.number",
        &[("delivery", Octets::Id)],
    ),
    table(
        "event_types",
        "SELECT application, event_type, type_name, severity, first_seen_at, storage_term_days
         FROM event_types ORDER BY number",
        &[],
    ),
    table(
        "idempotency",
        "SELECT owner, key, body_sha256, answer, at FROM idempotency ORDER BY owner, key",
        &[],
    ),
    table(
        "figures",
        "SELECT bucket, name, word, 0 AS writer, count FROM figures ORDER BY bucket, name, word",
        &[],
    ),
    table(
        "incidents",
        "SELECT uid AS event, id, detector, kind, model, top_tag, device, severity, group_name,
           starts_at, status, told, changed_at, sample_count, samples, told_by
         FROM incidents ORDER BY event",
        &[("event", Octets::Id), ("told_by", Octets::Id)],
    ),
    table(
        "incident_statuses",
        "SELECT i.uid AS incident, s.number, s.at, s.author, s.status, s.comment, s.event
         FROM incident_statuses s JOIN incidents i ON i.event = s.incident
         ORDER BY s.incident, s.number",
        &[("incident", Octets::Id), ("event", Octets::Id)],
    ),
    table(
        "incident_postponed",
        "SELECT number, due_at, subscription, address, language, time_zone, event
         FROM incident_postponed ORDER BY number",
        &[("event", Octets::Id)],
    ),
    table(
        "incident_told",
        "SELECT incident, bundle, address, is_told, at FROM incident_told
         ORDER BY incident, bundle, address",
        &[("incident", Octets::Id), ("bundle", Octets::Id)],
    ),
    table(
        "subscription_pauses",
        "SELECT subscription, user_name, since FROM subscription_pauses
         ORDER BY subscription, user_name",
        &[],
    ),
    table(
        "limit_keys",
        "SELECT number, name, newest, newest_is_summary, line_at, line_used, line_last, line_count,
           line_period_ms, owed FROM limit_keys ORDER BY number",
        &[("line_last", Octets::Id)],
    ),
    table("limit_marks", "SELECT key, number, at FROM limit_marks ORDER BY key, number", &[]),
    table(
        "limit_slots",
        "SELECT number, key, x'00000000000000000000000000000000' AS node, event, planned_at, shares,
           taken_at, coalesce(freed_at, max(taken_at, coalesce((SELECT max(at) FROM limit_marks), 0)))
             AS freed_at
         FROM limit_slots ORDER BY number",
        &[("node", Octets::Id), ("event", Octets::Id)],
    ),
    table(
        "limit_limited",
        "SELECT key, application, event_type, type_name, count, first_at, last_at
         FROM limit_limited ORDER BY key, application, event_type",
        &[],
    ),
    table("limit_sources", "SELECT key, lane, source FROM limit_sources ORDER BY key, lane", &[]),
    table(
        "limit_audience",
        "SELECT key, lane, address, role, place FROM limit_audience ORDER BY key, lane, address",
        &[],
    ),
    table(
        "settings",
        "SELECT revision, layer, document, author, saved_at, comment FROM settings
         ORDER BY revision",
        &[],
    ),
    table(
        "tokens",
        "SELECT id, name, role, secret_sha256, created_at, created_by, expires_at, last_used_at
         FROM tokens ORDER BY id",
        &[],
    ),
    table(
        "audit",
        "SELECT number, at, author, action, target, detail FROM audit ORDER BY number",
        &[],
    ),
    table(
        "certificates",
        "SELECT id, name, kind, public, sealed_key, created_at, created_by, replaced_at
         FROM certificates ORDER BY id",
        &[("public", Octets::Parts)],
    ),
    table("kept", "SELECT place, text, saved_at FROM kept ORDER BY place", &[]),
    table(
        "silences",
        "SELECT number, id, matchers, channels, author, comment, created_at, starts_at, ends_at,
           ended_by FROM silences ORDER BY number",
        &[("id", Octets::Id)],
    ),
    table(
        "users",
        "SELECT name, full_name, email, role, password, password_giver, is_blocked, language,
           time_zone, theme, created_at, created_by, last_sign_in_at, key_sha256, key_expires_at
         FROM users ORDER BY name",
        &[],
    ),
    table(
        "sessions",
        "SELECT sha256, id, user_name, created_at, last_used_at, address, user_agent
         FROM sessions ORDER BY sha256",
        &[],
    ),
    table("roles", "SELECT name, rights FROM roles ORDER BY name", &[]),
    table(
        "saved_views",
        "SELECT owner, page, name, query, is_shared FROM saved_views ORDER BY owner, page, name",
        &[],
    ),
];
