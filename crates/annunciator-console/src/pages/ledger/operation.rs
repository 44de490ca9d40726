//! What an operator asked for becomes what was done and, with reasons, what was not.

use std::collections::BTreeMap;

use annunciator_api_types::{DeliveryDetail, OperationResults, OperationTargets, ResendResult};
use annunciator_core::Timestamp;
use hyper::Method;

use crate::api::{Refusal, escape};
use crate::page::Visitor;
use crate::pages::ledger::next_try;
use crate::refusal::Stop;

/// Most deliveries that are sent again by one click: each is a call.
const RESEND_MAX: usize = 100;

/// Most deliveries that are looked at for a relay in trouble.
const LOOKED_AT_MAX: usize = 10;

/// What came of an operation.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// `retry`, `cancel` or `resend`.
    pub(crate) operation: &'static str,
    /// For how many it was done.
    pub(crate) count: usize,
    /// Why it was not done, and for how many.
    pub(crate) refused: Vec<(String, usize)>,
    /// The delivery that was made, when one was sent again.
    pub(crate) made: Option<String>,
    /// Whether what is to be tried again waits for a relay in trouble.
    pub(crate) waits: bool,
    /// When that relay is tried next.
    pub(crate) next_at: Option<Timestamp>,
}

impl Done {
    fn of(operation: &'static str, results: OperationResults) -> Self {
        let mut reasons = BTreeMap::new();
        let mut done = Self { operation, ..Self::default() };
        for result in results.results {
            if result.done {
                done.count += 1;
            } else {
                *reasons.entry(result.reason.unwrap_or_default()).or_insert(0) += 1;
            }
        }
        done.refused = reasons.into_iter().collect();
        done
    }

    /// Looks whether the relay of those that are to be tried again answers.
    pub(super) async fn look_at_relay(&mut self, visitor: &Visitor, ids: &[&str]) {
        if self.operation != "retry" || self.count == 0 {
            return;
        }
        for id in ids.iter().take(LOOKED_AT_MAX) {
            let path = format!("/api/v1/deliveries/{}", escape(id));
            let Ok(found) = visitor.try_get::<DeliveryDetail>(&path).await else { continue };
            if let Some(waiting) = &found.delivery.waiting_for {
                self.waits = true;
                self.next_at = next_try(waiting);
                return;
            }
        }
    }

    /// Key of the words for what was done.
    pub(crate) fn key(&self) -> String {
        let waits = if self.waits { "-waits" } else { "" };
        format!("ledger-done-{}{waits}", self.operation)
    }

    /// For how many it was not done.
    pub(crate) fn refused_count(&self) -> usize {
        self.refused.iter().map(|(_, count)| count).sum()
    }
}

/// Does it to these deliveries.
pub(super) async fn operate(
    visitor: &Visitor,
    operation: &str,
    deliveries: &[&str],
) -> Result<Done, Stop> {
    match operation {
        "retry" => many(visitor, "retry", deliveries).await,
        "cancel" => many(visitor, "cancel", deliveries).await,
        "resend" => resend(visitor, deliveries).await,
        _ => Err(Stop::not_found(&visitor.guest)),
    }
}

async fn many(
    visitor: &Visitor,
    operation: &'static str,
    deliveries: &[&str],
) -> Result<Done, Stop> {
    let targets =
        OperationTargets { deliveries: deliveries.iter().map(|id| (*id).to_owned()).collect() };
    let path = format!("/api/v1/deliveries/{operation}");
    let reply = visitor.send(Method::POST, &path, &targets).await?;
    let results = reply.json(&path).map_err(|refusal| visitor.stop(refusal))?;
    Ok(Done::of(operation, results))
}

async fn resend(visitor: &Visitor, deliveries: &[&str]) -> Result<Done, Stop> {
    let mut done = Done { operation: "resend", ..Done::default() };
    let mut reasons = BTreeMap::new();
    for id in deliveries.iter().take(RESEND_MAX) {
        let path = format!("/api/v1/deliveries/{}/resend", escape(id));
        match visitor.try_send(Method::POST, &path, &()).await {
            Ok(reply) => {
                let made: ResendResult =
                    reply.json(&path).map_err(|refusal| visitor.stop(refusal))?;
                done.count += 1;
                done.made = Some(made.delivery);
            }
            Err(Refusal::Problem(problem, _)) if problem.status != 403 => {
                *reasons.entry(problem.detail.unwrap_or(problem.title)).or_insert(0) += 1;
            }
            Err(refusal) => return Err(visitor.stop(refusal)),
        }
    }
    done.refused = reasons.into_iter().collect();
    Ok(done)
}

#[cfg(test)]
mod tests {
    use annunciator_api_types::OperationResult;

    use super::*;

    #[test]
    fn what_was_not_done_is_counted_by_its_reason() {
        let result = |reason: Option<&str>| OperationResult {
            delivery: String::new(),
            done: reason.is_none(),
            reason: reason.map(str::to_owned),
        };
        let results = [None, Some("It is cancelled."), None, Some("It is cancelled.")].map(result);
        let done = Done::of("retry", OperationResults { results: results.into() });
        assert_eq!(done.count, 2);
        assert_eq!(done.refused, [("It is cancelled.".to_owned(), 2)]);
        assert_eq!(done.refused_count(), 2);
    }
}
