//! Backlog and feed into the job that a session carries next.
//!
//! In: what is taken already, then what the feed hands on. Out: a job that this server can carry
//! and that may begin now; what it cannot carry is reported.

use super::*;

/// Submissions that are refused one after the other before a turn ends.
const REFUSED_MAX: usize = 1_000;
/// How long a session is kept in hand although others wait for a connection.
const TURN_MIN: Duration = Duration::from_secs(1);

impl<'a> Carrier<'a, '_> {
    /// Takes the next submission that this server can carry; the others are reported.
    pub(super) fn next_job(&mut self) -> Option<Job<'a>> {
        for _ in 0..REFUSED_MAX {
            let job = match self.backlog.pop_front() {
                Some(job) => Some(self.paced(job)?),
                None => self.take_from_feed()?,
            };
            if let Some(job) = job.and_then(|job| self.admit(job)) {
                return Some(job);
            }
        }
        None
    }

    /// Takes a submission from the feed when it can be begun at once and nobody else waits for
    /// the connection; what must not be sent is reported and leaves an empty hand.
    fn take_from_feed(&self) -> Option<Option<Job<'a>>> {
        if self.terms.permits.are_wanted() && self.since.elapsed() >= TURN_MIN {
            return None;
        }
        let slot = match self.terms.pace {
            Some(pace) => Some(pace.try_take(Instant::now()).ok()?),
            None => None,
        };
        let job = Job::new(self.feed.next()?, self.feed);
        Some(job.map(|mut job| {
            job.slot = slot;
            job
        }))
    }

    /// A job of the backlog with the right to begin now; without it, it goes back.
    fn paced(&mut self, mut job: Job<'a>) -> Option<Job<'a>> {
        if let (Some(pace), None, false) = (self.terms.pace, &job.slot, job.is_exempt()) {
            match pace.try_take(Instant::now()) {
                Ok(slot) => job.slot = Some(slot),
                Err(_) => {
                    self.backlog.push_front(job);
                    return None;
                }
            }
        }
        Some(job)
    }

    /// The transaction of a job begins now.
    pub(super) fn begin(&self, job: &mut Job<'_>) {
        let now = Instant::now();
        job.began.get_or_insert(now);
        match (job.slot.take(), self.terms.pace) {
            (Some(slot), _) => slot.begin(now),
            (None, Some(pace)) => pace.count(now),
            (None, None) => {}
        }
    }

    /// Refuses what the server cannot carry.
    fn admit(&mut self, job: Job<'a>) -> Option<Job<'a>> {
        let (capabilities, submission) = (&self.session.capabilities, &job.submission);
        let size = submission.content.len() as u64;
        let unsupported = |subject, detail, words: String| {
            let status = EnhancedStatus::new(5, subject, detail);
            Trouble::new(Stage::MailFrom, Cause::Unsupported(status, words))
        };
        let trouble = match capabilities.size_max {
            Some(max) if size > max => {
                unsupported(3, 4, format!("the message has {size} octets, the server takes {max}"))
            }
            _ if submission.needs_8bit && !capabilities.eight_bit => {
                unsupported(6, 3, "the message is 8-bit and the server takes only 7-bit".to_owned())
            }
            _ if submission.envelope.needs_smtputf8() && !capabilities.smtputf8 => unsupported(
                6,
                7,
                "an address is not ASCII and the server does not offer SMTPUTF8".to_owned(),
            ),
            _ => return Some(job),
        };
        job.watch().failed(&trouble, &self.session.server.label, Instant::now());
        job.fail(&trouble, self.session.facts());
        None
    }
}
