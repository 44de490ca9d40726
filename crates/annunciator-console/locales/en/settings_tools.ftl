# Words of the area `settings`: test message, preview, pickers, limits, ready texts.

# Send test message.
settings-test-button = Send test message…
settings-test-run = Test run…
settings-test-send = Send test message
settings-test-run-now = Run
settings-test-lead-email = A test message goes the way of a real one, to the recipients of this form and with its settings, saved or not. Nothing is saved.
settings-test-lead-sms = A test SMS goes the way of a real one, to the numbers of this form and with its settings, saved or not. Nothing is saved.
settings-test-lead-executable = The executable of this form is started on the server with a sample event. Nothing is saved.
settings-test-lead-mail-notifier = A made-up incident is mailed with the settings of this form, saved or not. Nothing is saved.
settings-test-run-title = Test run
settings-test-wrong = There is something to put right before it can be sent:
settings-test-partly = Some recipients did not get it
settings-test-ran = The executable ran
settings-test-ran-badly = The executable did not succeed
settings-test-dry-run = Dry run
settings-test-dry-run-help-email = Goes as far as the last recipient and sends nothing.
settings-test-dry-run-help-sms = Goes as far as the last recipient and sends nothing.
settings-test-dry-run-help-executable = Looks whether it may be started, and does not start it.
settings-test-dry-run-help-mail-notifier = Goes as far as the last recipient and sends nothing.
settings-test-trace = Show the SMTP dialogue
settings-test-trace-help = Every line of both sides, without secrets.
settings-test-server = Server:
settings-test-chain = Chain

# Preview.
settings-preview = Preview
settings-preview-event = With
settings-preview-sample = a sample event
settings-preview-subject = Subject
settings-preview-text = Text
settings-preview-html = The HTML as the reader sees it
settings-preview-empty = empty
settings-preview-show = Show
settings-preview-characters = { $count ->
        [one] { $count } character
       *[other] { $count } characters
    }
settings-preview-segments = { $count ->
        [one] { $count } segment
       *[other] { $count } segments
    }
settings-preview-units = { $units } characters, { $left } left in the last segment
settings-preview-cut = What is crossed out does not fit and is not sent.
settings-preview-no-arguments = Started without arguments.
settings-preview-wrong = There is nothing to show while something is wrong:

# Pickers.
settings-parameters = Insert parameter
settings-parameter-severity = How bad the event is, in words.
settings-parameter-severity-num = How bad the event is, as a number from 1 (info) to 4 (critical).
settings-parameter-computer = Name of the device where it happened.
settings-parameter-domain = Windows or DNS domain of the device.
settings-parameter-event = Name of the event type, or its code when there is none.
settings-parameter-event-type = Code of the event type.
settings-parameter-descr = Description of the event.
settings-parameter-rise-time = When the event occurred.
settings-parameter-task = Name of the task that caused the event.
settings-parameter-product = Name of the application that reports the event.
settings-parameter-version = Version of the application that reports the event.
settings-parameter-host-ip = IP address of the device.
settings-parameter-host-conn-ip = IP address that the device connected from.
settings-parameter-group = Path of the device group.
settings-parameter-event-id = Id of the event, as its source gave it.
settings-parameter-link = Address of the event in this console.
settings-parameter-phone = Phone number of the recipient (SMS only).
settings-parameter-param = Value of the event's own parameter of that name.
settings-parameter-percent = A percent sign.
settings-subject-templates = Subject templates
settings-subject-lead = Each adds its variable to the subject; several can be joined.
settings-subject-anew = Start with an empty subject
settings-ready-texts = Ready texts…
settings-ready-html = Ready pages…
settings-ready-title = Ready texts
settings-ready-html-title = Ready HTML pages
settings-ready-lead = As they look with a sample event. One that you use replaces the text in the form; nothing is saved yet.
settings-ready-use = Use

# Certificates.
settings-certificate-specify = Specify certificate…
settings-certificate-look = Look at “{ $name }”

# Numeric limit.
settings-limit-open = Configure numeric limit…
settings-limit-title = Configure numeric limit of notifications
settings-limit-on = Limit the number of notifications
settings-limit-count = Notifications, at most
settings-limit-period = In any period of
settings-limit-unit = Unit of the period
settings-limit-unit-seconds = seconds
settings-limit-unit-minutes = minutes
settings-limit-unit-hours = hours
settings-limit-unit-days = days
settings-limit-per = Counted
settings-limit-per-channel = All event types together
settings-limit-per-event-type = Each event type by itself
settings-limit-beyond = What is beyond is not sent later: it stays in the ledger as limited, and one summary tells how many were.
settings-limit-apply = Use in the form
settings-limit-range = Give a whole number from { $least } to { $most }.
settings-limit-none = No limit: every notification is sent.
settings-limit-words-channel = At most { $count ->
        [one] { $count } notification
       *[other] { $count } notifications
    } in any { $period }, all event types together.
settings-limit-words-event-type = At most { $count ->
        [one] { $count } notification
       *[other] { $count } notifications
    } in any { $period }, for each event type by itself.
settings-limit-seconds = { $number ->
        [one] { $number } second
       *[other] { $number } seconds
    }
settings-limit-minutes = { $number ->
        [one] { $number } minute
       *[other] { $number } minutes
    }
settings-limit-hours = { $number ->
        [one] { $number } hour
       *[other] { $number } hours
    }
settings-limit-days = { $number ->
        [one] { $number } day
       *[other] { $number } days
    }

# The Mail Notifier.
notifier-title = Mail Notifier
notifier-unset = Remove all settings
notifier-unset-sure = Remove all settings of the Mail Notifier, with its password, certificate and key? Subscriptions send nothing until it is set up again.
notice-notifier-unset = All settings of the Mail Notifier are removed.
notifier-parameters = System parameters
notifier-lead = How subscribers are mailed about incidents. Until a server and a sender are set, subscriptions send nothing.
notifier-certificate = SMTP server certificate
notifier-key = Key of the certificate
notifier-files-hint = Shown to a server that asks for it; the certificate is also trusted as an anchor for the server's. PEM, DER or PKCS #12; recommended are RSA keys from 4096 bits and EC keys from P-384.
notifier-browse-certificate = Browse for a certificate
notifier-browse-key = Browse for a key
notifier-none = None
notifier-until = until { $time }
notifier-download-certificate = Download the certificate
notifier-download-key = Download the key
notifier-clear-certificate = Clear the certificate
notifier-clear-key = Clear the key
notifier-password = Password of the key, when it is encrypted
notifier-missing-key = The key of this certificate is missing. Until it is chosen, settings with TLS on cannot be saved.
notifier-missing-certificate = The certificate of this key is missing. Until it is chosen, settings with TLS on cannot be saved.
notifier-uploaded = Uploaded. It is used once you save.
notifier-cleared = Cleared. It is gone from the settings once you save.
notifier-lost = Its key was sealed with another key file and cannot be used: choose both files again.
notifier-files-kept = What is cleared or replaced here is deleted when you save, unless other settings use it; an earlier revision of the settings does not bring it back, so download first what is still needed.
notifier-browse = Browse…
notifier-upload = Upload
notifier-upload-certificate = Upload the certificate
notifier-upload-key = Upload the key
notifier-download = Download
notifier-nothing-chosen = Choose a file first.
notifier-key-gone = Uploaded. The key before belongs to another certificate and is cleared: choose the key as well.
notifier-certificate-gone = Uploaded. The certificate before has another key and is cleared: choose the certificate as well.
notifier-key-as-uploaded = You get the file as it was uploaded; if it was encrypted, with the password that it had then.
notifier-not-yours = It is changed by those with the right to manage certificates.
notifier-object-name = Mail Notifier, { $time }
notifier-test-to = To
settings-section-mail-server = SMTP server
settings-section-mail-tls = TLS
    .lead = TLS is recommended: version 1.2 or 1.3, with suites that authenticate what they encrypt and keep it secret even when a key is lost later (RFC 9325).
