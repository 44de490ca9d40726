//! The real binary as a whole: one file per behaviour, named by the sentence that it proves.

#![expect(clippy::unwrap_used, reason = "what the tests share is test code too")]

mod support;

mod a_bad_bootstrap_config_is_explained;
mod a_bootstrap_file_is_in_force_before_the_server_is_ready;
mod a_relay_that_is_down_loses_no_event_and_gets_all_when_it_returns;
mod a_reply_lost_after_the_final_dot_is_repeated_with_the_same_message_id;
mod a_trace_keeps_the_dialogue_without_secrets;
mod an_event_becomes_an_e_mail_and_the_ledger_proves_it;
mod an_operator_retries_cancels_and_resends;
mod bad_events_are_refused_with_field_pointers;
mod crash_sigkill_cycles_lose_nothing;
mod demo_once_delivers_and_ends;
mod event_text_cannot_inject;
mod every_route_of_the_document_answers;
mod fuzz_corpora_are_replayed;
mod only_tokens_with_the_right_may;
mod postfix_refuses_one_of_three_recipients_with_550;
mod presets_set_up_a_relay;
mod same_id_is_the_same_event;
mod secrets_show_nowhere;
mod send_test_message_shows_stages;
mod settings_are_saved_whole_or_not_at_all;
mod sigterm_drains;
mod slow_clients_do_not_stop_others;
mod the_store_survives_a_second_server_and_a_full_disk;
mod tls_is_used_as_the_settings_say;
mod transient_and_permanent_refusals_are_told_apart;
