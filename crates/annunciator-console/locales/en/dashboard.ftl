# Words of the area `dashboard`.
dashboard-period = Period
dashboard-period-1h = 1 hour
dashboard-period-24h = 24 hours
dashboard-period-7d = 7 days
dashboard-period-30d = 30 days
dashboard-in-1h = last hour
dashboard-in-24h = last 24 hours
dashboard-in-7d = last 7 days
dashboard-in-30d = last 30 days
dashboard-now = now

dashboard-well = All is well
dashboard-well-detail = Events are accepted, and what has to be told is delivered or on its way.
dashboard-well-now = Nothing is wrong now
dashboard-well-failed = { $count ->
    [one] Events are accepted. { $number } delivery has failed ({ $period }) and is not tried again by itself.
   *[other] Events are accepted. { $number } deliveries have failed ({ $period }) and are not tried again by themselves.
}
dashboard-no-status = How the server is doing is not yours to see
dashboard-no-answer = The state of the server cannot be read at the moment
dashboard-troubles = { $count ->
    [one] { $count } thing needs attention
   *[other] { $count } things need attention
}
dashboard-tone-bad = Trouble
dashboard-tone-warn = Attention
dashboard-not-ready = No events are accepted
dashboard-disk = The disk is nearly full: { $free } are free
dashboard-disk-detail = Below { $reserve } of free room no event is accepted. Make room, or keep events for a shorter time.
dashboard-nobody = Nobody is told of anything
dashboard-nobody-detail = Events are stored, but there is no way out yet: set up e-mail to be told of them. For incidents of detectors alone, set up the Mail Notifier and a subscription instead.
dashboard-lane = { $count ->
    [one] { $lane }: the relay is in trouble, { $number } delivery waits
   *[other] { $lane }: the relay is in trouble, { $number } deliveries wait
}
dashboard-probe = It is tried again at { $at }
dashboard-skipped = The server { $server } is skipped for a while
dashboard-parked = { $count ->
    [one] { $count } event is parked because it could not be planned
   *[other] { $count } events are parked because they could not be planned
}
dashboard-parked-detail = Each of them says why.
dashboard-old = The oldest delivery waits since { $since }
dashboard-old-detail = No relay is in trouble: look at what it waits for.
dashboard-ends = { $what } ends on { $at }
dashboard-ended = { $what } has ended on { $at }
dashboard-more-ends = { $count ->
    [one] { $count } more certificate or secret is near its end
   *[other] { $count } more certificates or secrets are near their end
}
dashboard-do-system = Look at the system
dashboard-do-set-up = Set up e-mail
dashboard-do-waiting = See what waits
dashboard-do-settings = Check the settings
dashboard-do-parked = See the parked events
dashboard-do-certificates = Renew it

dashboard-accepted = Events accepted
dashboard-delivered = Delivered
dashboard-failed = Failed
dashboard-waiting = Waiting
dashboard-limited = Limited
dashboard-silenced = Silenced
dashboard-oldest = oldest { $ago }

dashboard-flow = Deliveries over time
dashboard-flow-empty = Nothing was delivered in this time.
dashboard-flow-table = Show the numbers as a table
dashboard-flow-no-table = Hide the table
dashboard-time = Time

dashboard-relays = Queues
dashboard-relays-empty = A queue shows up here with its first delivery: how much waits, its servers and how they are doing.
dashboard-lanes = Queues
dashboard-queue = Queue
dashboard-state = State
dashboard-works = Works
dashboard-suspended = Suspended
dashboard-since = since { $at }
dashboard-reason = Reason
dashboard-next-try = Next try
dashboard-servers = Servers
dashboard-server = Server
dashboard-breaker = State
dashboard-breaker-open = Skipped for a while
dashboard-breaker-open-hint = It failed several times in a row. Others are used meanwhile, and it is tried again from time to time.
dashboard-breaker-failing = In use, failing
dashboard-breaker-closed = In use
dashboard-connections = Connections
dashboard-of = { $count } of { $limit }
dashboard-failures-in-a-row = Failures in a row
dashboard-last-failure = Last failure

dashboard-last-failures = Last failures
dashboard-all-failures = All failed deliveries
dashboard-no-failures = No delivery has failed.
dashboard-recipient = Recipient
dashboard-subject = Subject
dashboard-no-subject = (no subject)

dashboard-limits = Limits reached
dashboard-limit = Limit
dashboard-held-back = Limited
dashboard-summary-at = Summary at
dashboard-ending = Near their end
dashboard-what = What
dashboard-ends-at = Ends

dashboard-stage-settings = Settings
dashboard-stage-resolve = Finding the server
dashboard-stage-connect = Connecting
dashboard-stage-greeting = Greeting
dashboard-stage-hello = EHLO
dashboard-stage-tls = TLS
dashboard-stage-auth = Authentication
dashboard-stage-mail-from = Sender
dashboard-stage-rcpt-to = Recipient
dashboard-stage-data = Content
dashboard-stage-data-end = End of content
dashboard-stage-prepare = Preparing
dashboard-stage-run = Run
