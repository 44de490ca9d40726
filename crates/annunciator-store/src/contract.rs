//! The promises of [`Store`], as checks that every implementation must pass.
//!
//! In: an empty store per promise. Failure: a panic that says which promise is broken.
//! Time is a value here: no check waits.

mod bundles;
mod certificates;
mod figures;
mod inbox;
mod incidents;
mod ledger;
mod limits;
mod lines;
mod nodes;
mod operator;
mod queue;
mod records;
mod retention;
pub mod samples;
mod silences;
mod users;

use std::future::Future;
use std::pin::Pin;

use crate::Store;

/// What a check gives: it ends, or it panics.
pub type Checking<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A promise and its check.
pub struct Promise {
    /// A sentence.
    pub name: &'static str,
    /// Panics when the store, empty at first, does not keep it.
    pub check: for<'a> fn(&'a dyn Store) -> Checking<'a>,
}

macro_rules! promises {
    ($($room:ident::$name:ident),* $(,)?) => {
        &[$(Promise { name: stringify!($name), check: |store| Box::pin($room::$name(store)) }),*]
    };
}

/// All promises; run each on a store of its own.
pub const PROMISES: &[Promise] = promises![
    inbox::an_accepted_event_is_in_the_ledger_as_it_came,
    inbox::an_id_is_one_event_per_application,
    inbox::an_id_made_here_and_given_back_is_the_same_event,
    inbox::an_idempotency_key_is_good_for_a_day,
    inbox::an_event_is_claimed_once_and_the_oldest_first,
    inbox::an_event_that_cannot_be_planned_is_parked,
    inbox::a_plan_is_committed_once,
    inbox::decisions_are_kept_without_notifications_too,
    inbox::an_event_type_shows_what_was_seen_last,
    queue::a_delivery_in_flight_since_planning_is_settled_with_token_1,
    queue::only_the_newest_claim_settles,
    queue::what_is_due_is_claimed_oldest_first,
    queue::claims_are_fair_over_lanes,
    queue::no_lane_starves_when_there_is_little_room,
    queue::excluded_lanes_are_as_if_they_were_empty,
    queue::a_notification_is_never_cut,
    queue::a_lapsed_lease_counts_as_due,
    queue::a_lease_is_made_longer_by_a_settlement,
    queue::what_outlived_its_time_is_claimed_whatever_its_lane,
    queue::a_settlement_may_raise_an_event,
    queue::a_retried_delivery_keeps_all_attempts,
    queue::counts_follow_the_queue,
    operator::queued_and_failed_deliveries_are_queued_again,
    operator::only_queued_deliveries_are_cancelled,
    operator::a_notification_is_added_to_a_planned_event,
    ledger::events_page_newest_first_without_holes,
    ledger::event_filters_find_what_they_say,
    ledger::an_event_counts_its_deliveries,
    ledger::delivery_filters_find_what_they_say,
    ledger::deliveries_are_found_by_their_event_and_by_any_text,
    ledger::deliveries_page_newest_first_without_holes,
    ledger::a_list_says_whether_it_is_longer,
    ledger::a_foreign_cursor_is_refused,
    ledger::what_is_not_there_is_none,
    figures::figures_count_what_was_committed,
    figures::figures_are_summed_over_steps_and_forgotten_in_time,
    records::settings_are_revisions_and_conflicts_are_seen,
    records::audit_filters_find_what_they_say,
    records::the_oldest_revisions_go_beyond_the_bound,
    records::tokens_come_and_go_with_their_audit_lines,
    limits::however_many_commit_at_once_the_limit_is_exact,
    limits::a_limited_notification_leaves_a_decision_and_no_delivery,
    limits::no_period_sees_more_hand_overs_than_the_limit,
    limits::a_slot_is_asked_for_when_something_is_handed_over,
    limits::a_settlement_frees_its_slot_whatever_becomes_of_the_claim,
    limits::those_who_wait_stand_in_line,
    lines::a_line_is_that_of_its_rule,
    lines::whatever_was_put_off_is_released_in_its_old_place,
    lines::what_one_plan_makes_of_an_event_counts_once,
    limits::an_audience_is_told_over_the_lane_of_what_it_missed,
    limits::a_summary_tells_exactly_what_was_limited,
    limits::what_comes_after_the_text_stays_for_the_next_summary,
    limits::an_event_and_a_summary_take_turns,
    limits::the_clock_is_kept_and_old_limits_are_forgotten,
    limits::a_wall_clock_set_back_holds_up_nothing,
    certificates::objects_come_change_and_go_with_their_audit_lines,
    certificates::a_kept_text_is_the_newest_of_its_place,
    certificates::the_first_of_a_place_stays,
    certificates::the_oldest_kept_texts_go_beyond_the_bound,
    silences::silences_come_change_and_end_with_their_audit_lines,
    silences::a_silence_ended_before_its_start_never_begins,
    silences::silences_are_listed_by_whether_they_have_ended,
    silences::so_many_silences_at_a_time_and_no_more,
    silences::ended_silences_are_forgotten_in_time,
    silences::the_oldest_ended_silences_go_beyond_the_bound,
    incidents::an_incident_is_stored_with_its_event_once,
    incidents::no_event_swallows_an_incident,
    incidents::incidents_alike_are_a_group,
    incidents::incidents_are_found_by_what_they_are,
    incidents::incidents_are_listed_page_by_page,
    incidents::a_status_changes_once_with_its_event_and_audit_line,
    incidents::an_incident_was_told_when_its_plan_told_somebody,
    incidents::an_incident_goes_with_its_event,
    bundles::a_bundle_is_told_once_with_its_event,
    bundles::what_is_due_is_read_on_behind_what_is_held_up,
    bundles::which_bundles_told_an_incident_is_kept_as_long_as_their_events,
    bundles::what_waits_for_a_bundle_is_not_removed,
    bundles::what_a_bundle_does_not_tell_is_noted_and_may_wait_anew,
    bundles::a_pause_is_noted_once_with_its_audit_line,
    users::users_come_change_and_go_with_their_audit_lines,
    users::one_administrator_who_can_sign_in_remains,
    users::a_session_is_found_with_its_user_until_it_ends,
    users::a_session_begins_only_with_what_still_holds,
    users::the_session_used_longest_ago_goes_beyond_the_bound,
    users::a_one_time_key_is_good_once_and_in_its_time,
    users::a_key_ends_with_what_its_user_was_when_it_was_given,
    users::a_password_is_changed_only_by_who_still_has_proven_it,
    users::the_first_administrator_is_one_who_can_sign_in,
    users::a_role_that_somebody_has_stays,
    users::views_are_their_owners_unless_they_are_shared,
    nodes::a_node_is_listed_and_drained_with_its_audit_line,
    nodes::what_a_node_has_in_hand_is_counted,
    retention::an_event_is_kept_for_its_term,
    retention::a_term_of_its_own_goes_before_that_of_the_severity,
    retention::the_cap_takes_the_oldest_finished_events,
    retention::an_unfinished_event_is_never_removed,
    retention::the_oldest_audit_lines_go_beyond_the_bound,
    retention::a_removed_event_leaves_nothing,
    retention::a_closed_store_says_so,
];
