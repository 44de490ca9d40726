# Words of the area `ledger`.
ledger-lead = Every notification for every recipient, newest first.
ledger-search = Recipient, subject, device, type
ledger-state = State
ledger-channel = Channel
ledger-channel-all = All channels
ledger-recipient = Recipient
ledger-lane = Lane
ledger-attempts = Attempts
ledger-last = Next or last
ledger-only-event = Of one event
ledger-only-notification = Of one notification
ledger-only-off = Show all
ledger-tick = Select
ledger-tick-all = Select all rows
ledger-ticked = Selected:
ledger-story = Story of the event
ledger-relay-waits = The relay is in trouble
ledger-next-at = Next attempt { $time }
ledger-after = after { $time }
ledger-gives-up = Given up { $time }.
ledger-role-to = To
ledger-role-cc = Cc
ledger-role-bcc = Bcc
ledger-empty = No notification has been planned yet
ledger-empty-how = Each event that notifies somebody leaves a row here for each recipient, with every attempt.
ledger-none = No delivery matches
ledger-retry = Try again now
ledger-retry-sure = Try again now?
ledger-cancel = Cancel this delivery…
ledger-cancel-sure = Cancel this delivery? OK: it is given up and not sent. Cancel: it stays as it is.
ledger-cancel-many = Cancel deliveries…
ledger-cancel-many-sure = Cancel the selected deliveries? OK: they are given up and not sent; those on their way are not stopped. Cancel: all stay as they are.
ledger-operation-cancel = Cancelled by { $author }
ledger-operation-retry = Tried again by { $author }
ledger-operation-resend = Sent again by { $author }
ledger-resend = Send again
ledger-resend-sure = Send again as a new message? The recipient may get it twice.
ledger-done-retry = { $count ->
    [one] { $count } delivery is tried again.
   *[other] { $count } deliveries are tried again.
}
ledger-done-retry-waits = { $count ->
    [one] { $count } delivery is tried when the relay answers.
   *[other] { $count } deliveries are tried when the relay answers.
}
ledger-next-try = The next try is at { $time }.
ledger-done-cancel = { $count ->
    [one] { $count } delivery was cancelled.
   *[other] { $count } deliveries were cancelled.
}
ledger-done-resend = { $count ->
    [one] { $count } delivery is sent again as a new one.
   *[other] { $count } deliveries are sent again as new ones.
}
ledger-refused = { $count ->
    [one] { $count } could not:
   *[other] { $count } could not:
}
notice-ledger-retry = It is tried again.
notice-ledger-retry-waits = It is tried when the relay answers; the next try is below.
notice-ledger-cancel = It was cancelled.
notice-ledger-resend = It is sent again; this is the new delivery.
ledger-delivery = Delivery
ledger-delivery-to = Delivery to { $recipient }
ledger-planned = Planned
ledger-finished = Finished
ledger-due = Next attempt
ledger-expires = Given up
ledger-attempts-none = No attempt yet.
ledger-attempt = Attempt { $number }
ledger-attempt-small = attempt { $number }
ledger-outcome-delivered = delivered
ledger-outcome-transient-failure = failed for now
ledger-outcome-permanent-failure = failed for good
ledger-outcome-uncertain = uncertain
ledger-reused = (open connection)
ledger-time-connect = Connecting
ledger-time-handshake = Handshake
ledger-time-transaction = Transaction
ledger-queue-id = Queue id
ledger-tried = Tried before:
ledger-scope-relay = All that waits for this relay waits with it.
ledger-tls = TLS facts
ledger-tls-protocol = Protocol
ledger-tls-check = Certificate
ledger-tls-verified = verified
ledger-tls-unverified = not verified
ledger-tls-none = without TLS
ledger-tls-resumed = resumed session
ledger-tls-subject = Subject
ledger-tls-issuer = Issuer
ledger-tls-validity = Valid
ledger-tls-key = Key
ledger-tls-serial = Serial number
ledger-route = How the server was found
ledger-route-domain = Domain
ledger-dialogue = Dialogue
ledger-said-client = Annunciator
ledger-said-server = Relay
ledger-said-remark = Remark
ledger-run-end = End
ledger-run-sandbox = Sandbox
ledger-run-ended = Processes left and ended
ledger-sandbox-enforced = enforced
ledger-sandbox-partial = in part
ledger-sandbox-not-available = not available
ledger-stdout = Standard output
ledger-stderr = Standard error
ledger-source = Source of the message
ledger-source-more = { $size } more are in the file.
ledger-stage-resolve = Name resolution
ledger-stage-connect = Connection
ledger-stage-greeting = Greeting
ledger-stage-hello = EHLO
ledger-stage-tls = TLS
ledger-stage-auth = Authentication
ledger-stage-mail-from = Sender
ledger-stage-rcpt-to = Recipient
ledger-stage-data = Message
ledger-stage-data-end = Acceptance
ledger-stage-run = Run
ledger-stage-prepare = Preparation
ledger-advice-resolve = Check the server's name, and the DNS settings of this machine.
ledger-advice-connect = Check server and port, and that no firewall is between.
ledger-advice-greeting = Something answers there, but not as a mail server: check the port and whether it wants TLS at once.
ledger-advice-hello = The relay does not accept this server's name: check hello_name, and the relay's access rules.
ledger-advice-tls = Check the TLS mode and the certificates; a test message shows what the relay presents.
ledger-advice-auth = Check user name, password and method of authentication.
ledger-advice-mail-from = The relay refuses the sender: check the sender's address, and what this account may send as.
ledger-advice-rcpt-to = The relay refuses the recipient: check the address, and whether the relay forwards to it.
ledger-advice-data = The relay refuses the message: its reply says why, often size or content.
ledger-advice-data-end = The relay did not accept the message: its reply says why.
ledger-advice-run = The program said no: its exit status and output say why.
ledger-advice-prepare = The notification could not be made into a message: check the settings of the channel.
